"""From a design to a bitstream on a board, with programs of the open toolchains."""
