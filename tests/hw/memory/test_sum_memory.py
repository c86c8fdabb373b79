"""The memory of sums and initial potentials, against two lists."""

import random

import pytest

from firstspike_hw.memory.style import GENERIC_MEMORY
from firstspike_hw.memory.sum_memory import SumMemory, shares_words

from ..bench import simulate


def run(sum_bits, potential_bits, depth, *, style=GENERIC_MEMORY):
    """Write sums, often the one that is read; now and then stop, load initial potentials, and read them back."""
    rng = random.Random(f"{sum_bits} {potential_bits} {depth}")
    initials, sums = [rng.getrandbits(potential_bits) for _ in range(depth)], [None] * depth
    dut = SumMemory(sum_bits=sum_bits, potential_bits=potential_bits, depth=depth, contents=list(initials), style=style)
    late = style.has_late_words(max(2, depth))
    compared = collided = peeked = 0

    async def drive(ctx):
        nonlocal compared, collided, peeked
        read, loading, loaded = [], False, False
        for cycle in range(2000):
            if rng.random() < 0.05:
                loading, loaded = not loading, False
            favourite = rng.randrange(min(depth, 4))
            place, to = (rng.choice([favourite, rng.randrange(depth)]) for _ in range(2))
            writes, total = not loading and rng.random() < 0.6, rng.getrandbits(sum_bits)
            loads, initial = loading and not loaded and rng.random() < 0.6, rng.getrandbits(potential_bits)
            peeks = loading and not loads
            loaded = loads
            for signal, value in (
                (dut.address, place),
                (dut.write, writes),
                (dut.write_address, to),
                (dut.write_sum, total),
                (dut.write_initial, initials[to] if writes else rng.getrandbits(potential_bits)),
                (dut.load, loads),
                (dut.load_address, to),
                (dut.load_initial, initial),
                (dut.peek, peeks),
            ):
                ctx.set(signal, value)
            await ctx.tick()
            if writes:
                sums[to] = total
                collided += to == place
            if loads:
                initials[to] = initial
            # What is being loaded is not read: of a word that is shared, both parts.
            wanted = (
                sums[place] if not peeks and not (loads and to == place) else None,
                initials[to if peeks else place] if not loads else None,
            )
            read.append(wanted)
            if cycle >= late:
                wanted_sum, wanted_initial = read[-1 - late]
                if wanted_sum is not None:
                    assert ctx.get(dut.sum) == wanted_sum, f"cycle {cycle}"
                    compared += 1
                if wanted_initial is not None:
                    assert ctx.get(dut.initial) == wanted_initial, f"cycle {cycle}"
                    compared += 1
            peeked += peeks

    simulate(dut, drive, hostile=True)
    assert min(compared, collided, peeked) > 100


SIZES = [(19, 8, 1100), (20, 9, 512), (12, 5, 2), (27, 9, 700), (21, 12, 200), (5, 3, 100)]


@pytest.mark.parametrize(("sum_bits", "potential_bits", "depth"), SIZES)
def test_reads_what_was_written(sum_bits, potential_bits, depth):
    run(sum_bits, potential_bits, depth)


@pytest.mark.parametrize(("sum_bits", "potential_bits", "depth"), SIZES)
def test_late_words(sum_bits, potential_bits, depth, late_block_rams):
    """The same a cycle later, in shared words and in words of their own."""
    run(sum_bits, potential_bits, depth, style=late_block_rams)


def test_which_words_are_shared():
    assert [shares_words(*sizes) for sizes in SIZES] == [True, True, True, True, False, True]
