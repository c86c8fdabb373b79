"""The layout of the link's streams."""

from amaranth.lib import data

#: A byte of a frame's contents, and whether it is the last one.
FRAME_BYTE = data.StructLayout({"data": 8, "last": 1})
