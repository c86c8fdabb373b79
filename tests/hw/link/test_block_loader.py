"""The block loader writes what the blocks say, and tells which were none."""

import random
import zlib

import pytest

from firstspike_hw.link.block_loader import BlockLoader
from firstspike_spec.words import Memory

from ..bench import STALLS, drain, marked, sender, simulate, watch


def block(layer: int, lane: int, memory: int, word_bytes: int, address: int, words: list[int]) -> bytes:
    head = bytes([layer, lane, memory, word_bytes]) + address.to_bytes(3, "little")
    return head + b"".join(word.to_bytes(word_bytes, "little") for word in words)


def run(blocks: list[bytes], *, stalls=(0, 0)) -> tuple[list[tuple[int, ...]], list[int], int, int]:
    """Send blocks; return the load words, whether each was wrong, the check and the last step."""
    dut, words, wrongs, ends = BlockLoader(), [], [], []

    async def settle(ctx):
        ctx.set(dut.begin, 1)
        await ctx.tick()
        ctx.set(dut.begin, 0)
        while len(wrongs) < len(blocks):
            *_, done, wrong = await ctx.tick().sample(dut.done, dut.wrong)
            if done:
                wrongs.append(wrong)
        ends.extend([ctx.get(dut.check), ctx.get(dut.last_step)])

    async def delayed(ctx):
        await ctx.tick().repeat(3)
        await sender(dut.i, items, stalls=stalls[0])(ctx)

    items = [item for part in blocks for item in marked(part)]
    simulate(dut, delayed, settle, background=(drain(dut.load, stalls=stalls[1]), watch(dut.load, words)))
    return [word for _, word in words], wrongs, *ends


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
    blocks.append(block(0, 0, Memory.TIME_STEPS, 2, 0, [256]))
    wanted.append((256, 0, Memory.TIME_STEPS, 0, 0))
    words, wrongs, check, last_step = run(blocks, stalls=stalls)
    assert words == wanted
    assert wrongs == [0] * len(blocks)
    assert check == zlib.crc32(b"".join(blocks))
    assert last_step == 255


def test_what_is_no_block_is_told_and_the_next_is_read():
    right = block(1, 2, Memory.ENTRIES, 2, 5, [0x1234, 0x5678])
    wrong = [right[:3], right[:6], right[:-1], right[:8], block(1, 2, 1, 1, 0, [7] * 9)[:3] + b"\x05" + bytes(12)]
    wrong.append(right[:3] + b"\0" + bytes(9))
    blocks = [part for bad in wrong for part in (bad, right)]
    words, wrongs, check, _ = run(blocks)
    assert wrongs == [1, 0] * len(wrong)
    assert check == zlib.crc32(b"".join(blocks))
    whole = [(0x1234, 5, 1, 2, 1), (0x5678, 6, 1, 2, 1)]
    # The third had one whole word before it broke off.
    assert words == whole * 2 + whole[:1] + whole * (len(wrong) - 2)
