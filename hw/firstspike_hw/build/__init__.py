"""From a network to a bitstream, and from there into a board."""
