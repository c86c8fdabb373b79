"""From a design to a bitstream on a board, with the open toolchains' programs."""
