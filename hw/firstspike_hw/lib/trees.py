"""Logic over many bits, as balanced trees: the depth grows with the logarithm of the number of bits."""

from collections.abc import Sequence
from functools import reduce
from itertools import combinations
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value


def count_ones(bits: Value) -> Value:
    """Return how many bits are set; the result is just wide enough."""
    return sum_of(list(bits))[: len(bits).bit_length()]


def sum_of(terms: Sequence[Value]) -> Value:
    """Return the sum of numbers."""
    terms = list(terms)
    while len(terms) > 1:
        pairs = [terms[at : at + 2] for at in range(0, len(terms), 2)]
        terms = [pair[0] + pair[1] if len(pair) == 2 else pair[0] for pair in pairs]
    return terms[0]


def any_of(words: Sequence[Value]) -> Value:
    """Return the bitwise *or* of words."""
    terms = list(words)
    while len(terms) > 1:
        terms = [reduce(or_, terms[at : at + 2]) for at in range(0, len(terms), 2)]
    return terms[0]


def several(bits: Value) -> Value:
    """Return whether two or more bits are set."""
    return reduce(or_, [first & second for first, second in combinations(bits, 2)])


def running_total(m: Module, parts: Sequence[tuple[Value, int]]) -> Value:
    """Return the sum of parts that are added one after the other, with a register after each: the last part comes out first.

    Parameters
    ----------
    m : Module
    parts : sequence of (Value, int)
        Each with its greatest value.
    """
    total: Value = Const(0)
    most = 0
    for part, greatest in parts:
        most += greatest
        so_far = Signal(range(most + 1), name=f"total_of_{most}")
        m.d.sync += so_far.eq(total + part)
        total = so_far
    return total


def lowest_set(m: Module, bits: Value) -> tuple[Value, Value]:
    """Return whether any bit is set, and the number of the lowest one that is set (without meaning if none is).

    Each node of the tree is a signal in ``m``, for an expression would be repeated wherever it is used. Call it outside of
    conditions.
    """
    wires = Signal(len(bits))
    m.d.comb += wires.eq(bits)
    return _lowest_set(m, wires, max(1, (len(bits) - 1).bit_length()))


def _lowest_set(m: Module, bits: Value, levels: int) -> tuple[Value, Value]:
    if levels == 0:
        return bits, Const(0, 0)
    half = 1 << (levels - 1)
    found_low, low = _lowest_set(m, bits[:half], levels - 1)
    if len(bits) <= half:
        return found_low, Cat(low, Const(0, 1))
    found_high, high = _lowest_set(m, bits[half:], levels - 1)
    found, index = Signal(), Signal(levels)
    m.d.comb += [found.eq(found_low | found_high), index.eq(Cat(Mux(found_low, low, high), ~found_low))]
    return found, index


def one_hot(index: Value, count: int) -> Value:
    """Return ``count`` bits of which only the one at ``index`` is set (none, if the index is beyond them)."""
    low, high = index[: len(index) // 2], index[len(index) // 2 :]
    lows = [low == number for number in range(1 << len(low))] if len(low) else [Const(1)]
    highs = [high == number for number in range(-(-count // len(lows)))]
    return Cat(lows[at % len(lows)] & highs[at // len(lows)] for at in range(count))
