"""Inference in PyTorch: the golden model, and the figures that provenance takes from it."""
