"""The messages between host and board, one in each frame (`firstspike_spec.protocol.frames`).

A message is one byte of `Kind`, a number of `NUMBER_BYTES` that the host chose, low byte first, and a body. The board answers
every complete request exactly once, in order, with the request's number: with `REPLY` added to the request's kind, or with
`Kind.ERROR`. A message that answers no request is a `Kind.NOTICE`. ``docs/protocol.md`` describes all this in tables, and a
test compares them with this module.
"""

import json
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from ..common.checks import whole_number
from ..common.errors import InputError, InputTypeError
from ..common.text import quoted
from ..common.words import RESULT_WORD
from .shapes import SHAPES, Shape, kind_of

#: The first bytes of a board's identity, and the version of the protocol.
MAGIC = b"1spk"
VERSION = 2

NUMBER_BYTES = 4

#: Number of bytes of a message before its body.
HEAD_BYTES = 1 + NUMBER_BYTES

#: Added to a request's kind in the answer.
REPLY = 0x80

#: Bytes of a result word in a message, low byte first.
RESULT_BYTES = -(-RESULT_WORD.bits // 8)

#: How the bodies of `Kind.LOAD_BLOCK` and `Kind.CHECK` begin, and the bytes of each part: the memory (as in
#: `firstspike_spec.common.words.LOAD_WORD`), the bytes of one of its words, and the address of the first word. Low byte first.
BLOCK_HEAD = {"layer": 1, "lane": 1, "memory": 1, "word_bytes": 1, "address": 3}

#: Bytes of the number of words in a `Kind.CHECK`.
COUNT_BYTES = 3

#: Bytes of the CRC-32 of all blocks, and of that of words read back.
CHECK_BYTES = 4

#: Bytes of the digest of the loaded contents (`firstspike_spec.compiler.contents.EngineContents.digest`).
DIGEST_BYTES = 32

#: The counters in the answer to `Kind.COUNTERS`, in this order, `COUNTER_BYTES` each, low byte first. All wrap around.
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

#: Ranges of a board's identity: bytes of its buffer (with room for the smallest blocks of a network), its clock in hertz, its
#: link in bits per second, characters of its name, and bytes of the whole identity.
BUFFER_BYTES = 256, 1 << 20
MOST_CLOCK_HZ = 1 << 40
MOST_BAUD = 1 << 30
MOST_NAME_CHARACTERS = 64
MOST_IDENTITY_BYTES = 1 << 14


class Kind(IntEnum):
    """Kinds of messages; those below `REPLY` are requests."""

    IDENTIFY = 0x01  #: Answer: an `Identity`.
    LOAD_BEGIN = 0x02  #: From now on no network is loaded, and blocks are accepted.
    LOAD_BLOCK = 0x03  #: `BLOCK_HEAD`, then words that are written from the address on.
    LOAD_END = 0x04  #: CRC-32 of the bodies of all blocks since the begin, and the digest. The network is loaded.
    CHECK = 0x05  #: `BLOCK_HEAD` and a number of words. Answer: the CRC-32 of the bytes of these words in the memory.
    INFER = 0x06  #: Run an image, coded as in `firstspike_spec.protocol.spike_code`. Answer: result words, then a `Status`.
    INFER_ALL = 0x07  #: The same without early exit.
    COUNTERS = 0x08  #: Answer: `COUNTERS`.
    RESET = 0x09  #: End all work in progress, and set the counters to 0. The network stays.
    ERROR = 0xFE  #: Answer to a request that was refused: a `Reason`.
    NOTICE = 0xFF  #: Data sent to the board has been lost: a `Loss`. Its number is 0.


#: Bytes of an answer's body, by the request's kind, and of a refusal's body. Identities and results vary in length.
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
    WRONG_CODE = 1  #: The image's code is invalid: the result means nothing.


class Reason(IntEnum):
    """Why a request was refused."""

    UNKNOWN_KIND = 1
    WRONG_LENGTH = 2
    NOT_LOADED = 3  #: No network is loaded.
    NOT_LOADING = 4  #: A block or an end without a begin.
    WRONG_BLOCK = 5  #: A block with a cut word, words of no bytes or more than 4, or a range beyond the last address.
    WRONG_CHECK = 6  #: The blocks do not match the CRC-32 in the end. Begin again.


class Loss(IntFlag):
    """What was lost since the last notice."""

    DAMAGED = 1  #: A frame was damaged on its way.
    OVERSIZED = 2  #: A frame was too long for the buffer.


@dataclass(frozen=True)
class Identity:
    """Identity of a board: its engine, its link and its loaded network.

    Attributes
    ----------
    shape : EngineShape or ProcessorShape
        Of the engine or the processor on the board.
    board : str
        Name of the board: up to `MOST_NAME_CHARACTERS` printable characters.
    clock_hz, baud : int
        The engine's clock in hertz, 0 if it has none, and bits per second of the link, 0 if it is not serial. At most
        `MOST_CLOCK_HZ` and `MOST_BAUD`.
    buffer_bytes : int
        Most bytes of all unanswered requests together, without their frames; within `BUFFER_BYTES`.
    digest : str
        Of the loaded contents (`firstspike_spec.compiler.contents.EngineContents.digest`), in hexadecimal; empty if none.

    Raises
    ------
    InputTypeError, InputError
        If a value is of the wrong kind or out of range.
    """

    shape: Shape
    board: str
    clock_hz: int
    baud: int
    buffer_bytes: int
    digest: str = ""

    def __post_init__(self) -> None:
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
        """Return the part that never changes, the JSON at the end of the answer to `Kind.IDENTIFY`."""
        facts = {name: getattr(self, name) for name in _FACTS}
        return json.dumps({**facts, kind_of(self.shape): self.shape.as_dict()}, separators=(",", ":")).encode()

    def pack(self) -> bytes:
        """Return the whole answer: magic, version, whether a network is loaded, its digest, then JSON."""
        loaded = bool(self.digest)
        digest = bytes.fromhex(self.digest) if loaded else bytes(DIGEST_BYTES)
        return MAGIC + bytes([VERSION, loaded]) + digest + self.constants()

    @classmethod
    def unpack(cls, body: bytes) -> "Identity":
        """Return the identity in the body of an answer to `Kind.IDENTIFY`.

        Raises
        ------
        InputError
            If it is not from a firstspike board with this version of the protocol, or not complete and valid.
        """
        if not body.startswith(MAGIC):
            raise InputError(f"what answered is not a firstspike board (it began with {body[:8]!r})")
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
        """Return the identity in what follows magic and version."""
        whole_number(len(body), "its length", 1 + DIGEST_BYTES, MOST_IDENTITY_BYTES)
        loaded = whole_number(body[0], "the flag of a loaded network", 0, 1)
        digest, rest = body[1 : 1 + DIGEST_BYTES], body[1 + DIGEST_BYTES :]
        facts = json.loads(rest.decode("ascii"), object_pairs_hook=_once)
        kind = next((kind for kind in SHAPES if isinstance(facts, dict) and set(facts) == {*_FACTS, kind}), None)
        if kind is None:
            raise InputError(f"it must have {', '.join(_FACTS)} and {' or '.join(SHAPES)}, not {quoted(facts)}")
        shape = SHAPES[kind].from_dict(facts.pop(kind))
        return cls(shape, **facts, digest=digest.hex() if loaded else "")


#: The entries of an identity's JSON besides the shape.
_FACTS = ("board", "clock_hz", "baud", "buffer_bytes")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object, or raise `InputError` if a name occurs twice in it."""
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise InputError(f"a name occurs twice among {quoted(names)}")
    return dict(pairs)


def message(kind: int, number: int, body: bytes = b"") -> bytes:
    """Return a message, the content of a frame."""
    return bytes([kind]) + number.to_bytes(NUMBER_BYTES, "little") + body
