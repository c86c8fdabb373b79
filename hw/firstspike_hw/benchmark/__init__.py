"""Measurements of bare engines: cycles, clock and size."""
