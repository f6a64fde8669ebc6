"""Exports a model as ONNX graphs that a program without PyTorch runs."""
