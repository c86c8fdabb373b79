"""The memory access writes blocks, reads the ranges of checks, and reports wrong bodies."""

import random
import zlib

import pytest

from firstspike_hw.link.memory_access import MemoryAccess
from firstspike_spec.common.words import Memory

from ..bench import STALLS, drain, marked, plain, sender, simulate, watch

#: The latency of some engine.
PEEK_LATENCY = 12


def head(layer: int, lane: int, memory: int, word_bytes: int, address: int) -> bytes:
    return bytes([layer, lane, memory, word_bytes]) + address.to_bytes(3, "little")


def block(layer: int, lane: int, memory: int, word_bytes: int, address: int, words: list[int]) -> bytes:
    return head(layer, lane, memory, word_bytes, address) + b"".join(word.to_bytes(word_bytes, "little") for word in words)


def check(layer: int, lane: int, memory: int, word_bytes: int, address: int, count: int) -> bytes:
    return head(layer, lane, memory, word_bytes, address) + count.to_bytes(3, "little")


def content(layer: int, lane: int, memory: int, address: int) -> int:
    """Return a word of the memories that are read back."""
    return zlib.crc32(bytes([layer, lane, memory]) + address.to_bytes(3, "little"))


class Run:
    """Bodies, each with whether it is a check, and their effects.

    Attributes
    ----------
    written, read : list of tuple
        Load words: data (only of written ones), address, memory, lane, layer.
    wrongs, checks : list of int
        After each body.
    """

    def __init__(self, bodies: list[tuple[int, bytes]], *, stalls=(0, 0)):
        dut = MemoryAccess()
        rng = random.Random(str(stalls))
        words, answers = [], []
        self.written, self.read, self.wrongs, self.checks = [], [], [], []

        async def drive(ctx):
            ctx.set(dut.begin, 1)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            for number, (reads, body) in enumerate(bodies):
                ctx.set(dut.reads, reads)
                await sender(dut.i, marked(body), stalls=stalls[0], seed=number)(ctx)
                done = False
                while not done:
                    *_, done, wrong = await ctx.tick().sample(dut.done, dut.wrong)
                self.wrongs.append(wrong)
                self.checks.append(ctx.get(dut.check))

        async def memories(ctx):
            """Return each word to be read, in order, some cycles later."""
            while True:
                *_, valid, ready, peek, word = await ctx.tick().sample(
                    dut.load.valid, dut.load.ready, dut.peek, dut.load.payload
                )
                answers[:] = [(wait - 1, word) for wait, word in answers]
                if valid and ready:
                    data, address, memory, lane, layer = plain(word)
                    (self.read if peek else self.written).append((data, address, memory, lane, layer))
                    if peek:
                        answers.append((rng.randrange(1, 5), content(layer, lane, memory, address)))
                ctx.set(dut.peeked.valid, bool(answers) and answers[0][0] <= 0)
                if answers and answers[0][0] <= 0:
                    ctx.set(dut.peeked.payload, answers.pop(0)[1])

        simulate(dut, drive, background=(drain(dut.load, stalls=stalls[1]), watch(dut.load, words), memories), limit=60_000)
        self.read = [places for _data, *places in self.read]
        assert len(words) == len(self.written) + len(self.read)


@pytest.mark.parametrize("stalls", STALLS)
def test_words_go_where_the_head_says(stalls):
    rng = random.Random(1)
    blocks, wanted = [], []
    for _ in range(12):
        layer, lane, memory = rng.randrange(16), rng.randrange(256), rng.randrange(3)
        word_bytes, address = rng.randrange(1, 5), rng.randrange((1 << 18) - 40)
        words = [rng.randrange(1 << (8 * word_bytes)) for _ in range(rng.choice([0, 1, 2, 30]))]
        blocks.append(block(layer, lane, memory, word_bytes, address, words))
        wanted += [(word, address + at, memory, lane, layer) for at, word in enumerate(words)]
    run = Run([(0, body) for body in blocks], stalls=stalls)
    assert run.written == wanted
    assert run.read == []
    assert run.wrongs == [0] * len(blocks)
    assert run.checks[-1] == zlib.crc32(b"".join(blocks))


@pytest.mark.parametrize("stalls", STALLS)
def test_ranges_are_read_and_checked(stalls):
    rng = random.Random(2)
    bodies, places, checks = [], [], []
    for count in (1, 0, 2, 25, 7, 1, 0):
        layer, lane, memory = rng.randrange(16), rng.randrange(256), rng.randrange(3)
        word_bytes, address = rng.randrange(1, 5), rng.randrange((1 << 18) - 40)
        bodies.append((1, check(layer, lane, memory, word_bytes, address, count)))
        places += [[address + at, memory, lane, layer] for at in range(count)]
        words = [content(layer, lane, memory, address + at) for at in range(count)]
        checks.append(zlib.crc32(b"".join(word.to_bytes(4, "little")[:word_bytes] for word in words)))
    run = Run(bodies, stalls=stalls)
    assert run.read == places
    assert run.written == []
    assert run.checks == checks
    assert not any(run.wrongs)


def test_a_wrong_block_is_reported_and_the_next_one_is_written():
    right = block(1, 2, Memory.ENTRIES, 2, 5, [0x1234, 0x5678])
    wrong = [right[:3], right[:6], right[:-1], right[:8], head(1, 2, 1, 5, 0) + bytes(10), head(1, 2, 1, 0, 0) + bytes(6)]
    bodies = [(0, part) for bad in wrong for part in (bad, right)]
    run = Run(bodies)
    assert run.wrongs == [1, 0] * len(wrong)
    assert run.checks[-1] == zlib.crc32(b"".join(body for _, body in bodies))
    whole = [(0x1234, 5, 1, 2, 1), (0x5678, 6, 1, 2, 1)]
    # The third had one complete word before it ended.
    assert run.written == whole * 2 + whole[:1] + whole * (len(wrong) - 2)


def test_a_wrong_range_is_reported_and_the_next_one_is_read():
    right = check(1, 2, Memory.ENTRIES, 2, 5, 3)
    wrong = [right[:count] for count in (1, 6, 7, 8, 9)] + [right + b"\0", right + bytes(20)]
    wrong += [check(1, 2, 1, word_bytes, 5, 3) for word_bytes in (0, 5, 255)]
    wrong += [check(1, 2, 1, 2, 0, count) for count in ((1 << 18) + 1, (1 << 24) - 1)]
    run = Run([(1, part) for bad in wrong for part in (bad, right)])
    assert run.wrongs == [1, 0] * len(wrong)
    assert run.read == [[5 + at, 1, 2, 1] for at in range(3)] * len(wrong)
    words = b"".join(content(1, 2, 1, 5 + at).to_bytes(4, "little")[:2] for at in range(3))
    assert set(run.checks[1::2]) == {zlib.crc32(words)}


def test_a_block_after_a_range_and_the_other_way_round():
    one, two = block(0, 1, 0, 1, 0, [3, 4]), check(2, 3, 2, 4, 9, 1)
    run = Run([(0, one), (1, two), (0, one), (1, two)])
    assert run.written == [(3, 0, 0, 1, 0), (4, 1, 0, 1, 0)] * 2
    assert run.read == [[9, 2, 3, 2]] * 2
    assert not any(run.wrongs)
    # A range overwrites the check; a block after it continues from that value.
    read = content(2, 3, 2, 9).to_bytes(4, "little")
    assert run.checks == [zlib.crc32(one), zlib.crc32(read), zlib.crc32(read + one), zlib.crc32(read)]


def last_step_after(words: list[tuple[int, int]], init: int) -> int:
    """Load words of (memory, word), and return the last step; the engine must get the same ``T``."""
    dut, steps, loaded = MemoryAccess(init), [], []
    body = b"".join(block(0, 0, memory, 2, 0, [word]) for memory, word in words)

    async def drive(ctx):
        items = [item for at in range(0, len(body), 9) for item in marked(body[at : at + 9])]
        await sender(dut.i, items)(ctx)
        await ctx.tick().repeat(5)
        steps.append(ctx.get(dut.last_step))

    simulate(dut, drive, background=(drain(dut.load), watch(dut.load, loaded)))
    for _, (word, _, memory, _, _) in loaded:
        assert memory != Memory.TIME_STEPS or (word - 1) % 256 == steps[0]
    return steps[0]


def test_the_last_step_is_that_of_the_network():
    assert last_step_after([], 6) == 6
    assert last_step_after([(Memory.POINTERS, 9), (Memory.ENTRIES, 9), (Memory.INITIAL_POTENTIALS, 9)], 6) == 6
    for time_steps in (2, 16, 256):
        assert last_step_after([(Memory.TIME_STEPS, time_steps)], 6) == time_steps - 1
    assert last_step_after([(Memory.TIME_STEPS, 0)], 6) == 255
    # The engine needs two steps.
    assert last_step_after([(Memory.TIME_STEPS, 1)], 6) == last_step_after([(Memory.TIME_STEPS, 257)], 6) == 1
    # The engine uses as many bits of a memory's number. Both must take the same words for T, or the engine waits for ever.
    assert last_step_after([(Memory.TIME_STEPS + 4, 9)], 6) == 8


@pytest.mark.parametrize(
    ("reads", "body", "cycles"),
    [
        (0, block(0, 0, 0, 4, 0, [7] * 50), 7 + (4 + 1) * 50),
        (0, block(0, 0, 0, 1, 0, [7] * 50), 7 + (1 + 1) * 50),
        (1, check(0, 0, 0, 4, 0, 50), 10 + (4 + 2 + PEEK_LATENCY) * 50),
        (1, check(0, 0, 0, 1, 0, 50), 10 + (1 + 2 + PEEK_LATENCY) * 50),
    ],
)
def test_throughput(reads, body, cycles):
    """As the docstring says, for blocks and for ranges."""
    dut, seen = MemoryAccess(), []

    async def drive(ctx):
        ctx.set(dut.reads, reads)
        await sender(dut.i, marked(body))(ctx)

    async def settle(ctx):
        cycle, done = 0, False
        while not done:
            *_, done = await ctx.tick().sample(dut.done)
            cycle += 1
        seen.append(cycle)

    async def memories(ctx):
        on_the_way = [0] * (PEEK_LATENCY - 1)
        while True:
            *_, valid, ready, peek = await ctx.tick().sample(dut.load.valid, dut.load.ready, dut.peek)
            on_the_way.append(valid and ready and peek)
            ctx.set(dut.peeked.valid, on_the_way.pop(0))

    simulate(dut, drive, settle, background=(drain(dut.load), memories))
    assert cycles <= seen[0] <= cycles + 4
