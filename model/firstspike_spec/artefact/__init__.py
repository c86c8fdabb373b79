"""The file that holds a network of either kind: a safetensors file with a format version and digests."""
