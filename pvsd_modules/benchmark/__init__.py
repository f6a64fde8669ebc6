"""Measures speed, memory, latency and size; ``pvsd benchmark`` prints the result."""
