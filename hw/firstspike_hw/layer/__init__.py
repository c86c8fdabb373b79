"""A layer: lanes in banks and groups, and the layer of the outputs."""
