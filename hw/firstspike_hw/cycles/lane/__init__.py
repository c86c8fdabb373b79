"""The lanes of a hidden layer in the cycle model."""
