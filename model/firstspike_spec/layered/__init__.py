"""Layered networks: each layer takes in all spikes of its sources, then fires once; a spike's time carries a value."""
