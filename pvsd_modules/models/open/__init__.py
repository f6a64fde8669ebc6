"""The open family: the small causal networks of the shipped models."""
