"""Benchmarks of bare engines: cycles, clock and size."""
