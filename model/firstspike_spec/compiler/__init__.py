"""From a network to the shape of an engine, and to the contents of its memories."""
