"""Choice of thresholds after training, on the golden model in PyTorch."""
