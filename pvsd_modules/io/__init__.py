"""Bytes in and out: one look at a file, reading, writing, resampling, replacement."""
