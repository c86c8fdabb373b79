"""What an inference is: the golden model, its results, and comparison with them."""
