"""The link's messages: what host and board say to each other, one message a frame (`firstspike_spec.protocol.frames`).

A message is one byte of `Kind`, the `NUMBER_BYTES` of a number that the host chose, low byte first, and a body. The board
answers every whole request exactly once, in order, with the request's number: with `REPLY` added to the request's kind, or
with `Kind.ERROR`. What it says unasked is a `Kind.NOTICE`. ``docs/protocol.md`` shows it all in tables, made from here.
"""

import json
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from ..common.checks import whole_number
from ..common.errors import InputError, InputTypeError
from ..common.text import quoted
from ..common.words import RESULT_WORD
from ..compiler.engine_shape import EngineShape

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
#: (`firstspike_spec.common.words.LOAD_WORD`), how many bytes a word of it has, low byte first, and the address of the first word.
BLOCK_HEAD = {"layer": 1, "lane": 1, "memory": 1, "word_bytes": 1, "address": 3}

#: Bytes of the number of words in a `Kind.CHECK`.
COUNT_BYTES = 3

#: Bytes of the check over all blocks, and of that over words read back: CRC-32, as that of a frame.
CHECK_BYTES = 4

#: Bytes of the digest of what is loaded (`firstspike_spec.compiler.contents.EngineContents.digest`).
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

#: Bounds of what a board says of itself: bytes of its buffer (with room for the smallest blocks of a network), its clock in
#: hertz, its link in bits a second, characters of its name; and bytes of all of it together.
BUFFER_BYTES = 256, 1 << 20
MOST_CLOCK_HZ = 1 << 40
MOST_BAUD = 1 << 30
MOST_NAME_CHARACTERS = 64
MOST_IDENTITY_BYTES = 1 << 14


class Kind(IntEnum):
    """Kinds of messages; those below `REPLY` are requests."""

    IDENTIFY = 0x01  #: Who are you? Answer: an `Identity`.
    LOAD_BEGIN = 0x02  #: From now on no network is loaded, and blocks are taken.
    LOAD_BLOCK = 0x03  #: `BLOCK_HEAD`, then words for the memory, from the address on.
    LOAD_END = 0x04  #: CRC-32 of the bodies of all blocks since the begin, and the digest: now the network is loaded.
    CHECK = 0x05  #: `BLOCK_HEAD` and a number of words. Answer: the CRC-32 of the bytes of these words, read from the memory.
    INFER = (
        0x06  #: Run an image, in the code of `firstspike_spec.protocol.spike_code`. Answer: its result words, then a `Status`.
    )
    INFER_ALL = 0x07  #: The same without early exit.
    COUNTERS = 0x08  #: Answer: `COUNTERS`.
    RESET = 0x09  #: End what is under way, and set the counters to 0. The network stays.
    ERROR = 0xFE  #: Answer to a request that was not carried out: a `Reason`.
    NOTICE = 0xFF  #: Something that was sent has been lost: `Loss`. Its number is 0.


#: Bytes of an answer's body, by the request's kind, and of a refusal's. Identities and results have no fixed number of them.
ANSWER_BYTES = {
    Kind.LOAD_BEGIN: 0,
    Kind.LOAD_BLOCK: 0,
    Kind.LOAD_END: 0,
    Kind.CHECK: CHECK_BYTES,
    Kind.COUNTERS: len(COUNTERS) * COUNTER_BYTES,
    Kind.RESET: 0,
    Kind.ERROR: 1,
}


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
        Name of the board: up to `MOST_NAME_CHARACTERS`, all of them printable.
    clock_hz, baud : int
        The engine's clock; bits a second of the link, 0 if it is not serial. Up to `MOST_CLOCK_HZ` and `MOST_BAUD`.
    buffer_bytes : int
        Requests that have not been answered may have so many bytes together, without their frames; within `BUFFER_BYTES`.
    digest : str
        Of what is loaded (`firstspike_spec.compiler.contents.EngineContents.digest`), in hexadecimal; empty if nothing is.

    Raises
    ------
    InputTypeError, InputError
        If a value is of another kind or out of range.
    """

    shape: EngineShape
    board: str
    clock_hz: int
    baud: int
    buffer_bytes: int
    digest: str = ""

    def __post_init__(self):
        if not isinstance(self.board, str):
            raise InputTypeError(f"the board's name must be a string, not {quoted(self.board)}")
        if len(self.board) > MOST_NAME_CHARACTERS or not self.board.isprintable():
            raise InputError(
                f"the board's name must be up to {MOST_NAME_CHARACTERS} printable characters, not {quoted(self.board)}"
            )
        whole_number(self.clock_hz, "clock_hz", 0, MOST_CLOCK_HZ)
        whole_number(self.baud, "baud", 0, MOST_BAUD)
        whole_number(self.buffer_bytes, "buffer_bytes", *BUFFER_BYTES)

    def constants(self) -> bytes:
        """Return what never changes: the end of the answer to `Kind.IDENTIFY`."""
        facts = {name: getattr(self, name) for name in _FACTS}
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
            If it is not that of a firstspike board with this version of the protocol, whole and in order.
        """
        if not body.startswith(MAGIC):
            raise InputError(f"what answered is no firstspike board (it began with {body[:8]!r})")
        version = body[len(MAGIC)] if len(body) > len(MAGIC) else None
        if version != VERSION:
            raise InputError(
                f"the board speaks version {version} of the protocol, this host version {VERSION}; build its bitstream again"
            )
        try:
            return cls._read(body[len(MAGIC) + 1 :])
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(f"the board's identity cannot be read ({error}); build its bitstream again") from error

    @classmethod
    def _read(cls, body: bytes) -> "Identity":
        """Return what stands behind magic and version."""
        whole_number(len(body), "its length", 1 + DIGEST_BYTES, MOST_IDENTITY_BYTES)
        loaded = whole_number(body[0], "the flag of a loaded network", 0, 1)
        digest, rest = body[1 : 1 + DIGEST_BYTES], body[1 + DIGEST_BYTES :]
        facts = json.loads(rest.decode("ascii"), object_pairs_hook=_once)
        if not isinstance(facts, dict) or set(facts) != {*_FACTS, "engine"}:
            raise InputError(f"it must tell {', '.join(_FACTS)} and engine, not {quoted(facts)}")
        shape = EngineShape.from_dict(facts.pop("engine"))
        return cls(shape, **facts, digest=digest.hex() if loaded else "")


#: What an identity's JSON tells beside the engine.
_FACTS = ("board", "clock_hz", "baud", "buffer_bytes")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object, of which no name may stand twice."""
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise InputError(f"a name stands twice among {quoted(names)}")
    return dict(pairs)


def message(kind: int, number: int, body: bytes = b"") -> bytes:
    """Return a message: what a frame contains."""
    return bytes([kind]) + number.to_bytes(NUMBER_BYTES, "little") + body
