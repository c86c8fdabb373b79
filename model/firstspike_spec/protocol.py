"""The link's messages: what host and board say to each other, one message a frame (`firstspike_spec.frames`).

A message is one byte of `Kind`, the `NUMBER_BYTES` of a number that the host chose, low byte first, and a body. The board
answers every whole request exactly once, in order, with the request's number: with `REPLY` added to the request's kind, or
with `Kind.ERROR`. What it says unasked is a `Kind.NOTICE`. ``docs/protocol.md`` shows it all in tables, made from here.
"""

import json
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from .engine import EngineShape
from .errors import InputError
from .words import RESULT_WORD

#: What a board's identity begins with, and the version of all that stands here.
MAGIC = b"1spk"
VERSION = 2

NUMBER_BYTES = 4

#: Bytes of a message before its body.
HEAD_BYTES = 1 + NUMBER_BYTES

#: Added to a request's kind in its answer.
REPLY = 0x80

#: Bytes of a result word in a message, low byte first.
RESULT_BYTES = -(-RESULT_WORD.bits // 8)

#: What the bodies of `Kind.LOAD_BLOCK` and `Kind.CHECK` begin with, in bytes: the memory that is meant
#: (`firstspike_spec.words.LOAD_WORD`), how many bytes a word of it has, low byte first, and the address of the first word.
BLOCK_HEAD = {"layer": 1, "lane": 1, "memory": 1, "word_bytes": 1, "address": 3}

#: Bytes of the number of words in a `Kind.CHECK`.
COUNT_BYTES = 3

#: Bytes of the check over all blocks, and of that over words read back: CRC-32, as that of a frame.
CHECK_BYTES = 4

#: Bytes of the digest of what is loaded (`firstspike_spec.compiler.EngineImage.digest`).
DIGEST_BYTES = 32

#: What `Kind.COUNTERS` is answered with, in this order, `COUNTER_BYTES` each, low byte first. All wrap around.
COUNTERS = {
    "busy_cycles": "cycles in which an inference was under way",
    "stall_cycles": "of these, those in which a token had to wait at the engine's entrance",
    "spikes": "spikes that entered the layers, and output spikes",
    "synaptic_operations": "weights added to potentials",
    "cycles": "clock cycles",
    "damaged_frames": "frames that were not what was sent",
    "oversized_frames": "frames that had no room",
}
COUNTER_BYTES = 5


class Kind(IntEnum):
    """Kinds of messages; those below `REPLY` are requests."""

    IDENTIFY = 0x01  #: Who are you? Answer: an `Identity`.
    LOAD_BEGIN = 0x02  #: From now on no network is loaded, and blocks are taken.
    LOAD_BLOCK = 0x03  #: `BLOCK_HEAD`, then words for the memory, from the address on.
    LOAD_END = 0x04  #: CRC-32 of the bodies of all blocks since the begin, and the digest: now the network is loaded.
    CHECK = 0x05  #: `BLOCK_HEAD` and a number of words. Answer: the CRC-32 of the bytes of these words, read from the memory.
    INFER = 0x06  #: Run an image, in the code of `firstspike_spec.spike_code`. Answer: its result words, then a `Status`.
    INFER_ALL = 0x07  #: The same without early exit.
    COUNTERS = 0x08  #: Answer: `COUNTERS`.
    RESET = 0x09  #: End what is under way, and set the counters to 0. The network stays.
    ERROR = 0xFE  #: Answer to a request that was not carried out: a `Reason`.
    NOTICE = 0xFF  #: Something that was sent has been lost: `Loss`. Its number is 0.


class Status(IntEnum):
    """The last byte of a result."""

    RIGHT = 0
    WRONG_CODE = 1  #: The image's code was not one: the result means nothing.


class Reason(IntEnum):
    """Why a request was not carried out."""

    UNKNOWN_KIND = 1
    WRONG_LENGTH = 2
    NOT_LOADED = 3  #: No network is loaded.
    NOT_LOADING = 4  #: A block or an end without a begin.
    WRONG_BLOCK = 5  #: A block that does not end with a word, words of no bytes or more than 4, a range beyond all addresses.
    WRONG_CHECK = 6  #: The blocks were not those that the end tells of. Begin again.


class Loss(IntFlag):
    """What has been lost since the last notice."""

    DAMAGED = 1  #: A frame was not what was sent.
    OVERSIZED = 2  #: A frame had no room.


@dataclass(frozen=True)
class Identity:
    """Who a board is.

    Attributes
    ----------
    shape : EngineShape
        Of the engine in it.
    board : str
        Name of the board.
    clock_hz, baud : int
        The engine's clock; bits a second of the link, 0 if it is not serial.
    buffer_bytes : int
        Requests that have not been answered may have so many bytes together, without their frames.
    digest : str
        Of what is loaded (`firstspike_spec.compiler.EngineImage.digest`), in hexadecimal; empty if nothing is.
    """

    shape: EngineShape
    board: str
    clock_hz: int
    baud: int
    buffer_bytes: int
    digest: str = ""

    def constants(self) -> bytes:
        """Return what never changes: the end of the answer to `Kind.IDENTIFY`."""
        facts = {name: getattr(self, name) for name in ("board", "clock_hz", "baud", "buffer_bytes")}
        return json.dumps({**facts, "engine": self.shape.as_dict()}, separators=(",", ":")).encode()

    def pack(self) -> bytes:
        """Return the whole answer: magic, version, whether a network is loaded, its digest, then JSON."""
        loaded = bool(self.digest)
        digest = bytes.fromhex(self.digest) if loaded else bytes(DIGEST_BYTES)
        return MAGIC + bytes([VERSION, loaded]) + digest + self.constants()

    @classmethod
    def unpack(cls, body: bytes) -> "Identity":
        """Return the identity that an answer tells of.

        Raises
        ------
        InputError
            If it is not that of a firstspike board with this version of the protocol.
        """
        if not body.startswith(MAGIC):
            raise InputError(f"what answered is no firstspike board (it began with {body[:8]!r})")
        version = body[len(MAGIC)] if len(body) > len(MAGIC) else None
        if version != VERSION:
            raise InputError(
                f"the board speaks version {version} of the protocol, this host version {VERSION}; build its bitstream again"
            )
        try:
            loaded, rest = body[len(MAGIC) + 1], body[len(MAGIC) + 2 :]
            facts = dict(json.loads(rest[DIGEST_BYTES:]))
            shape = EngineShape.from_dict(facts.pop("engine"))
            return cls(shape, **facts, digest=rest[:DIGEST_BYTES].hex() if loaded else "")
        except (ValueError, TypeError, LookupError) as error:
            raise InputError(f"the board's identity cannot be read ({error}); build its bitstream again") from error


def message(kind: int, number: int, body: bytes = b"") -> bytes:
    """Return a message: what a frame contains."""
    return bytes([kind]) + number.to_bytes(NUMBER_BYTES, "little") + body
