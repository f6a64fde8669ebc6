"""Measures speed, memory, latency and size; ``pvsd benchmark`` prints the result."""

#: All that can be measured.
PARTS = ("size", "speed", "latency", "memory", "training", "data")
