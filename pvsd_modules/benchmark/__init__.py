"""Measures speed, memory, latency and size; ``pvsd benchmark`` prints the result."""

#: What can be measured.
PARTS = ("size", "speed", "latency", "memory", "training", "data")
