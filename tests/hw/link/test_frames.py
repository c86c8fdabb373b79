"""Frames of the gateware against the cobs and zlib libraries: intact ones pass, damaged ones are dropped."""

import random
import zlib

import pytest
from cobs import cobs

from firstspike_hw.link.frame_receiver import FrameReceiver
from firstspike_hw.link.frame_sender import FrameSender
from firstspike_spec.protocol.messages import HEAD_BYTES

from ..bench import drain, marked, note, put, receiver, sender, simulate, watch


def framed(content: bytes) -> bytes:
    return cobs.encode(content + zlib.crc32(content).to_bytes(4, "little")) + b"\0"


def contents(rng: random.Random, count: int, longest: int) -> list[bytes]:
    """Return contents of many lengths, some full of zeros, some without any."""
    made = []
    for _ in range(count):
        length = rng.choice(
            [HEAD_BYTES, HEAD_BYTES + 1, rng.randrange(HEAD_BYTES, 20), rng.randrange(HEAD_BYTES, longest + 1)]
        )
        share = rng.choice([0, 0.1, 0.9, 1])
        made.append(bytes(0 if rng.random() < share else rng.randrange(1, 256) for _ in range(length)))
    return made


def unmarked(items: list[tuple[int, int]]) -> list[bytes]:
    frames, frame = [], bytearray()
    for byte, last in items:
        frame.append(byte)
        if last:
            frames.append(bytes(frame))
            frame.clear()
    assert not frame
    return frames


def receive(link: bytes, depth_bits: int, *, stalls: float, wanted: int) -> tuple[list[bytes], int, int]:
    """Send bytes to a receiver; return the frames it passed on, and how often it reported damage and overflow."""
    dut = FrameReceiver(depth_bits)
    got, damaged, overflow = [], [], []

    async def bytes_in(ctx):
        for byte in link:
            await put(ctx, dut.i, byte)

    async def settle(ctx):
        while sum(last for _, (_, last) in got) < wanted:
            await ctx.tick()
        await ctx.tick().repeat(2 << depth_bits)

    simulate(
        dut,
        bytes_in,
        settle,
        background=(watch(dut.o, got), drain(dut.o, stalls=stalls), note(dut.damaged, damaged), note(dut.overflow, overflow)),
        limit=60_000,
    )
    return unmarked([item for _, item in got]), sum(damaged), sum(overflow)


@pytest.mark.parametrize("stalls", [0, 0.3])
def test_intact_frames_pass(stalls):
    made = contents(random.Random(1), 40, 600)
    frames, damaged, overflow = receive(b"\0\0".join(map(framed, made)), 11, stalls=stalls, wanted=len(made))
    assert frames == made
    assert (damaged, overflow) == (0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_damaged_frames_are_dropped(seed):
    """Flipped bits, lost, doubled or extra bytes, frames cut and joined, noise: only intact frames come out."""
    rng = random.Random(seed)
    link, whole = bytearray(), []
    for content in contents(rng, 60, 300):
        frame = bytearray(framed(content))
        kind = rng.randrange(14)
        if kind == 0:
            frame[rng.randrange(len(frame) - 1)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del frame[rng.randrange(len(frame) - 1)]
        elif kind == 2:
            frame.insert(rng.randrange(len(frame)), rng.randrange(256))
        elif kind == 3:
            frame = frame[: rng.randrange(len(frame))]
        elif kind == 4:
            frame = bytearray(rng.randbytes(rng.randrange(1, 60)))
        elif kind == 5:
            at = rng.randrange(len(frame))
            frame[at:at] = frame[at : at + 3]
        link += frame
    link += b"\0" + framed(b"the end")
    # By the libraries, every piece between two zeros that decodes and has a right check must come out.
    for piece in bytes(link).split(b"\0"):
        try:
            content = cobs.decode(piece)
        except cobs.DecodeError:
            continue
        if len(content) >= HEAD_BYTES + 4 and zlib.crc32(content[:-4]) == int.from_bytes(content[-4:], "little"):
            whole.append(content[:-4])
    frames, damaged, overflow = receive(bytes(link), 11, stalls=0, wanted=len(whole))
    assert frames == whole
    assert 10 < len(whole) < 55
    assert damaged > 10
    assert overflow == 0


def test_a_frame_too_short_for_a_message_is_dropped():
    made = [bytes(range(1, length + 1)) for length in (1, HEAD_BYTES - 1, HEAD_BYTES, 2, HEAD_BYTES + 1)]
    frames, damaged, overflow = receive(b"".join(map(framed, made)) + b"\x01\x00", 6, stalls=0, wanted=2)
    assert frames == [made[2], made[4]]
    assert (damaged, overflow) == (4, 0)


def test_a_frame_without_room_is_reported_and_the_next_one_passes():
    """It is longer than the buffer; the frames before and after it are intact."""
    long, short, fits = bytes(range(1, 66)), b"short", bytes(64)
    frames, damaged, overflow = receive(framed(short) + framed(long) + framed(fits), 6, stalls=0, wanted=2)
    assert frames == [short, fits]
    assert (damaged, overflow) == (0, 1)


def test_a_full_buffer_keeps_waiting_frames():
    dut = FrameReceiver(6)
    made = [bytes([number] * 20) for number in range(1, 7)]
    got, overflow = [], []

    async def bytes_in(ctx):
        for byte in b"".join(map(framed, made[:5])):
            await put(ctx, dut.i, byte)
        await receiver(dut.o, 60, got)(ctx)
        for byte in framed(made[5]):
            await put(ctx, dut.i, byte)
        await receiver(dut.o, 20, got)(ctx)

    simulate(dut, bytes_in, background=(note(dut.overflow, overflow),))
    assert unmarked(got) == [*made[:3], made[5]]
    assert sum(overflow) == 2


@pytest.mark.parametrize("stalls", [(0, 0), (0.3, 0.5)])
def test_sent_frames_equal_those_of_the_libraries(stalls):
    made = contents(random.Random(2), 30, 600)
    made += [bytes([7] * length) for length in (249, 250, 251, 252, 253, 254, 255, 256, 508)]
    wanted = b"".join(map(framed, made))
    dut, got = FrameSender(), []
    simulate(
        dut,
        sender(dut.i, [item for content in made for item in marked(content)], stalls=stalls[0]),
        receiver(dut.o, len(wanted), got, stalls=stalls[1]),
        limit=80_000,
    )
    assert bytes(got) == wanted


def test_checks_that_end_in_zero_are_sent_right():
    """The CRC's last bytes can be zeros."""
    rng, made = random.Random(3), []
    while len(made) < 12:
        content = rng.randbytes(rng.randrange(HEAD_BYTES, HEAD_BYTES + 3))
        if zlib.crc32(content) >> 24 == 0:
            made.append(content)
    wanted = b"".join(map(framed, made))
    dut, got = FrameSender(), []
    simulate(
        dut,
        sender(dut.i, [item for content in made for item in marked(content)]),
        receiver(dut.o, len(wanted), got),
    )
    assert bytes(got) == wanted
