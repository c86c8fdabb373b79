"""Frames: how a link of bytes separates messages and detects damage.

A frame is a message and its CRC-32 (as in Ethernet and zlib, low byte first), both encoded by COBS (Cheshire and Baker 1999)
so that no zero byte is left, and then a zero byte. A receiver that starts in the middle, or loses bytes, finds the next frame
after the next zero.
"""

#: The byte that ends a frame; it occurs nowhere else in it.
DELIMITER = 0

#: Bytes of a frame's CRC-32.
CHECK_BYTES = 4

#: Most bytes without a zero that can follow one code byte.
LONGEST_GROUP = 254
