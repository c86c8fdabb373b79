"""Inference in PyTorch, and what a network's provenance says of it."""
