"""Training in PyTorch, and the golden model on integer tensors."""
