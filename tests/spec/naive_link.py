"""The board's side of the link in plain Python: the right answers to any bytes."""

import zlib
from dataclasses import replace

from cobs import cobs

from firstspike_spec.common.words import LOAD_WORD, Memory
from firstspike_spec.processor.shape import ProcessorShape
from firstspike_spec.protocol.messages import (
    BLOCK_HEAD,
    DIGEST_BYTES,
    HEAD_BYTES,
    MAGIC,
    REPLY,
    Identity,
    Kind,
    Loss,
    Reason,
    message,
)


def framed(content: bytes) -> bytes:
    """A frame, made with libraries."""
    return cobs.encode(content + zlib.crc32(content).to_bytes(4, "little")) + b"\0"


class Frames:
    """The contents of complete frames in a stream of bytes, and the losses."""

    def __init__(self, shortest: int = HEAD_BYTES, longest: int = 1 << 16):
        self.shortest, self.longest = shortest, longest
        self.rest, self.losses = b"", Loss(0)
        self.damaged = self.oversized = 0

    def read(self, data: bytes) -> list[bytes]:
        *pieces, self.rest = (self.rest + data).split(b"\0")
        return [content for piece in pieces if piece and (content := self._content(piece)) is not None]

    def _content(self, piece: bytes) -> bytes | None:
        try:
            content = cobs.decode(piece)
        except cobs.DecodeError:
            content = b""
        content, check = content[:-4], content[-4:]
        if len(content) < self.shortest or zlib.crc32(content) != int.from_bytes(check, "little"):
            self.damaged += 1
            self.losses |= Loss.DAMAGED
        elif len(content) > self.longest:
            self.oversized += 1
            self.losses |= Loss.OVERSIZED
        else:
            return content
        return None


def split(content: bytes) -> tuple[int, int, bytes]:
    """Kind, number and body of a message."""
    return content[0], int.from_bytes(content[1:HEAD_BYTES], "little"), content[HEAD_BYTES:]


def block_head(body: bytes) -> dict[str, int]:
    values, at = {}, 0
    for name, count in BLOCK_HEAD.items():
        values[name] = int.from_bytes(body[at : at + count], "little")
        at += count
    return values


def _processor_memory(shape: ProcessorShape, layer: int, lane: int, memory: int, all_bits: int) -> tuple[int, int, int]:
    sizes = {(1, number, Memory.ENTRIES): (shape.coordinate.bits, shape.coordinates) for number in (2, 3)}
    sizes[1, 0, Memory.ENTRIES] = 32, shape.program
    sizes[1, 1, Memory.ENTRIES] = shape.value_bits, 64
    if lane < shape.lanes:
        sizes[0, lane, Memory.POINTERS] = shape.pointer.bits, shape.rows
        sizes[0, lane, Memory.ENTRIES] = shape.entry.bits, shape.entries
    if (layer, lane, memory) == (1, 4, Memory.ENTRIES):  # registers
        return 16, 3, all_bits
    bits, depth = sizes.get((layer, lane, memory), (0, 0))
    return bits, depth, (depth - 1).bit_length() if depth else all_bits


class NaiveBoard:
    """Answers requests, one after the other.

    ``memories`` maps (layer, lane, memory, address) to the word there; words that were never written are 0. Answers to images
    and to `Kind.COUNTERS`, which depend on more than that, are `None` where their body should be.
    """

    def __init__(self, identity: Identity):
        self.identity = identity
        self.memories: dict[tuple[int, int, int, int], int] = {}
        self.loading, self.loaded = False, bool(identity.digest)
        self.digest = bytearray(bytes.fromhex(identity.digest) or bytes(DIGEST_BYTES))
        self.check = 0

    def answer(self, content: bytes) -> tuple[int, int, bytes | None]:
        """Kind, number and body of the answer to a request."""
        kind, number, body = split(content)
        given = self._carry_out(kind, body)
        if isinstance(given, Reason):
            return Kind.ERROR, number, bytes([given])
        return kind | REPLY, number, given

    def _carry_out(self, kind: int, body: bytes) -> bytes | Reason | None:
        if kind in (Kind.INFER, Kind.INFER_ALL):
            if not self.loaded:
                return Reason.NOT_LOADED
            return None if body else Reason.WRONG_LENGTH
        if kind == Kind.IDENTIFY:
            told = replace(self.identity, digest="").pack()
            at = len(MAGIC) + 1
            return told[:at] + bytes([self.loaded]) + bytes(self.digest) + told[at + 1 + DIGEST_BYTES :]
        if kind == Kind.COUNTERS:
            return None
        if kind == Kind.RESET:
            return b""
        if kind == Kind.LOAD_BEGIN:
            self.loading, self.loaded, self.check = True, False, 0
            return b""
        if kind in (Kind.LOAD_BLOCK, Kind.LOAD_END) and not self.loading:
            return Reason.NOT_LOADING
        if kind in (Kind.LOAD_BLOCK, Kind.LOAD_END, Kind.CHECK) and not body:
            return Reason.WRONG_LENGTH
        parts = {Kind.LOAD_BLOCK: self._block, Kind.LOAD_END: self._end, Kind.CHECK: self._range}
        return parts[kind](body) if kind in parts else Reason.UNKNOWN_KIND

    def _block(self, body: bytes) -> bytes | Reason:
        self.check = zlib.crc32(body, self.check)
        head, words = block_head(body), body[7:]
        width = head["word_bytes"]
        if len(body) < 7 or (words and not 1 <= width <= 4):
            return Reason.WRONG_BLOCK
        for at in range(len(words) // width if words else 0):
            self._write(head, at, int.from_bytes(words[width * at : width * (at + 1)], "little"))
        return Reason.WRONG_BLOCK if words and len(words) % width else b""

    def _write(self, head: dict[str, int], at: int, word: int) -> None:
        place, bits = self._place(head, at)
        if bits:
            self.memories[place] = word % (1 << bits)

    def _place(self, head: dict[str, int], at: int) -> tuple[tuple[int, int, int, int], int]:
        """The place of a word, and its width: 0 if there is none."""
        widths = {field.name: field.bits for field in LOAD_WORD.fields}
        layer, lane, memory = (head[name] % (1 << widths[name]) for name in ("layer", "lane", "memory"))
        address = (head["address"] + at) % (1 << widths["address"])
        if memory == Memory.TIME_STEPS:
            return (0, 0, memory, 0), 16
        bits, depth, address_bits = self._memory(layer, lane, memory)
        address %= 1 << address_bits
        return (layer, lane, memory, address), bits if address < depth else 0

    def _memory(self, layer: int, lane: int, memory: int) -> tuple[int, int, int]:
        """Width and number of a memory's words, and the number of address bits that it uses; no words if there is none."""
        shape = self.identity.shape
        sizes, all_bits = {}, LOAD_WORD.fields[1].bits
        if isinstance(shape, ProcessorShape):
            return _processor_memory(shape, layer, lane, memory, all_bits)
        if layer < len(shape.layers) and lane < shape.layers[layer].banks:
            has = shape.layers[layer]
            sizes[Memory.POINTERS] = has.pointer.bits, has.rows
            sizes[Memory.ENTRIES] = has.entry.bits, max(2, has.bank_entries)
            sizes[Memory.INITIAL_POTENTIALS] = has.potential_bits, max(2, has.lane_neurons) * has.bank_lanes
        if layer == len(shape.layers) and lane < shape.output.slices:
            has = shape.output
            sizes[Memory.ENTRIES] = has.weights.bits, has.rows
            if memory == Memory.INITIAL_POTENTIALS:  # registers, each with its own address
                return has.potential_bits, min(has.slice_neurons, has.neurons - lane * has.slice_neurons), all_bits
        layers = (*shape.layers, shape.output)
        if layer < len(layers) and layers[layer].address_table:
            has = layers[layer].address_table
            if lane == (layers[layer].banks if layer < len(shape.layers) else shape.output.slices):
                sizes[Memory.POINTERS] = has.location.bits, max(2, has.places)
        bits, depth = sizes.get(memory, (0, 0))
        return bits, depth, (depth - 1).bit_length() if depth else all_bits

    def _end(self, body: bytes) -> bytes | Reason:
        self.loading = False
        right = self.check.to_bytes(4, "little")
        if body[:4] != right[: len(body)]:
            return Reason.WRONG_CHECK
        digest = body[4 : 4 + DIGEST_BYTES]
        self.digest[: len(digest)] = digest
        if len(body) != 4 + DIGEST_BYTES:
            return Reason.WRONG_LENGTH
        self.loaded = True
        return b""

    def _range(self, body: bytes) -> bytes | Reason:
        head, count = block_head(body), int.from_bytes(body[7:], "little")
        if len(body) != 10 or not 1 <= head["word_bytes"] <= 4 or count > 1 << 18:
            # Words read before the error do not matter: the check must begin again.
            self.check = 0 if len(body) > 7 and 1 <= head["word_bytes"] <= 4 else self.check
            return Reason.WRONG_BLOCK
        places = [self._place(head, at)[0] for at in range(count)]
        words = [0 if place[2] == Memory.TIME_STEPS else self.memories.get(place, 0) for place in places]
        self.check = zlib.crc32(b"".join(word.to_bytes(4, "little")[: head["word_bytes"]] for word in words))
        return self.check.to_bytes(4, "little")


def request(kind: int, number: int, body: bytes = b"") -> bytes:
    """The frame of a request."""
    return framed(message(kind, number, body))
