"""The protocol of the link between host and board."""
