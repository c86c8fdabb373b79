"""Float weights that were trained elsewhere, made into a network of whole numbers."""
