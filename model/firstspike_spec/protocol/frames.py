"""Frames: how messages are told apart, and damage is noticed, on a link of bytes.

A frame is its content, then the CRC-32 of the content (that of Ethernet and zlib, low byte first), stuffed by COBS (Cheshire
and Baker 1999) so that it holds no zero, and then a zero. Whoever comes in the middle, or loses bytes, finds the next frame
at the next zero.
"""

#: What ends a frame, and stands nowhere in it.
DELIMITER = 0

CHECK_BYTES = 4

#: Bytes without a zero that one code byte can stand before.
LONGEST_GROUP = 254
