"""The engine: a chain of layers between an input gate and a read-out."""
