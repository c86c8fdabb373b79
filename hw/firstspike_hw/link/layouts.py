"""Structures of the link's streams."""

from amaranth.lib import data

#: A byte of a frame, and whether it is the frame's last.
FRAME_BYTE = data.StructLayout({"data": 8, "last": 1})
