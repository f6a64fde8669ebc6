"""Pseudo-visual speech denoising for SpeechBrain."""

__version__ = "0.1.0"
