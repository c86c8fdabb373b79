"""The sub-commands of the host side."""
