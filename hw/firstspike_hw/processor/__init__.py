"""The processor: runs layered networks, one layer after the other, on one set of lanes."""
