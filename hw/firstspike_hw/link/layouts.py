"""Structures of the link's streams."""

from amaranth.lib import data

from firstspike_spec.protocol import NUMBER_BYTES

#: A byte of a frame, and whether it is the frame's last.
FRAME_BYTE = data.StructLayout({"data": 8, "last": 1})

#: What an image's answer has to tell: the number of its request, and whether that was for all steps.
INFERENCE = data.StructLayout({"number": 8 * NUMBER_BYTES, "all_steps": 1})
