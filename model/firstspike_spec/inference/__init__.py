"""Inference: the golden model, its results, and comparison with them."""
