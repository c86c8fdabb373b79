"""Layers of first-spike neurons, as training sees them."""
