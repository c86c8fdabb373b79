"""Benches that hold the generated Verilog against the PyTorch golden model."""
