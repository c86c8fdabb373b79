"""The link's messages: what host and board say to each other, one message a frame (`firstspike_spec.frames`).

A message is one byte of `Kind`, one byte with a number that the host chose, and a body. The board answers every whole
request exactly once, in order, with the request's number: with `REPLY` added to the request's kind, or with `Kind.ERROR`.
"""

from enum import IntEnum

from .words import RESULT_WORD

#: Added to a request's kind in its answer.
REPLY = 0x80

#: Bytes of a result word in a message, low byte first.
RESULT_BYTES = -(-RESULT_WORD.bits // 8)


#: What a block of a network begins with, in bytes: the memory that its words are for (`firstspike_spec.words.LOAD_WORD`), how
#: many bytes a word has, low byte first, and the address of the first.
BLOCK_HEAD = {"layer": 1, "lane": 1, "memory": 1, "word_bytes": 1, "address": 3}


class Kind(IntEnum):
    """Kinds of messages; those below `REPLY` are requests."""

    INFER = 0x06  #: Run an image, in the code of `firstspike_spec.spike_code`. Answer: its result words, then a `Status`.
    ERROR = 0xFE  #: Answer to a request that was not carried out.


class Status(IntEnum):
    """The last byte of a result."""

    RIGHT = 0
    WRONG_CODE = 1  #: The image's code was not one: the result means nothing.
