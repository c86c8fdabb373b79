"""The row reader goes through the rows that wait, entry by entry, in exactly the cycles that it says."""

import bisect
import functools
import random

import pytest

from firstspike_hw.lane.row_reader import RowReader
from firstspike_hw.memory.style import GENERIC_MEMORY, ICE40UP_MEMORY
from firstspike_spec.compiler.shapes import LayerShape

from ..bench import note, simulate
from ..models import parameters, rows_word


def make(row_entries=5, *, spikes_per_token, slack, queue_depth=8, style=GENERIC_MEMORY):
    """Return a row reader of a lane with 200 entries."""
    shape, sizes = (
        LayerShape(3, 1, 1, 4, 200, row_entries, 4, 8),
        {"spikes_per_token": spikes_per_token, "queue_depth": queue_depth},
    )
    return RowReader(parameters(shape, **sizes, token_slack=slack, memory_style=style))


def operations_of(tokens):
    """Return what tokens of (rows of (start, length), end, last) make a lane do: addresses, or ``end`` or ``last``.

    With each operation stands its token's number.
    """
    operations = []
    for number, (rows, end, last) in enumerate(tokens):
        operations += [(number, start + at) for start, length in rows for at in range(length)]
        operations += [(number, "last" if last else "end")] * end
    return operations


def random_tokens(rng, count, *, spikes_per_token, longest, empty=0.3, ends=0.3):
    """Return random tokens, those without a meaning among them; T is not the same in all inferences."""

    def row():
        length = rng.choice([0, 1, 1, longest, rng.randint(0, longest)]) if rng.random() >= empty else 0
        return rng.randrange(200 - length), length

    tokens = []
    for _ in range(count):
        end = int(rng.random() < ends)
        tokens.append(([row() for _ in range(spikes_per_token)], end, end & rng.randrange(2)))
    return [*tokens, ([(7, longest)] * spikes_per_token, 1, 1)]


def at_random(begin, go_on):
    """Return what holds as likely as given: a hold begins, and goes on."""
    return lambda rng, cycle, held: rng.random() < (go_on if held else begin)


def run(dut, tokens, *, delay=0, hold=None, stall=0.0, sweeps=0, seed=0):
    """Send tokens as long as there is room; return the cycles of their coming, (cycle, operation), and ``hold`` by cycle.

    Parameters
    ----------
    delay : int
        Cycles from a look at ``room`` to the token's coming.
    hold : callable, optional
        Says whether to hold, from a random generator, the cycle and whether the cycle before was held.
    stall : float
        How likely no token is sent although there is room.
    sweeps : int
        Number of sweeps before the tokens.
    """
    came, given, holds, cycle = [], [], [], 0

    async def drive(ctx):
        nonlocal cycle
        rng = random.Random(f"drive {seed}")
        silence = rows_word([(0, 0)] * len(tokens[0][0]), 0, 0)
        to_come, on_their_way, held, idle = list(tokens), [None] * delay, False, 0

        def step():
            nonlocal cycle
            if ctx.get(dut.valid):
                end, last, sweep = (ctx.get(getattr(dut.o, name)) for name in ("end", "last", "sweep"))
                what = ("last" if last else "end") if end else ctx.get(dut.address)
                given.append((cycle, f"sweep {what}" if sweep else what))
            cycle += 1

        for number in range(sweeps):
            ctx.set(dut.sweep, 1)
            ctx.set(dut.sweep_last, number == sweeps - 1)
            step()
            await ctx.tick()
        ctx.set(dut.sweep, 0)
        ctx.set(dut.sweep_last, 0)
        while idle < 20:
            goes = to_come and ctx.get(dut.room) and rng.random() >= stall
            on_their_way.append(to_come.pop(0) if goes else None)
            token = on_their_way.pop(0)
            if token:
                came.append(cycle)
                ctx.set(dut.i, rows_word(*token))
            else:
                ctx.set(dut.i, silence)
            held = bool(hold and hold(rng, cycle, held))
            ctx.set(dut.hold, held)
            step()
            await ctx.tick()
            if to_come or any(on_their_way) or ctx.get(dut.valid):
                idle = 0
            elif not held:
                idle += 1

    simulate(dut, drive, background=[note(dut.hold, holds)], hostile=True)
    return came, given, holds


def check(tokens, came, given, holds, *, sweeps=0):
    """All operations come, in order, each in the first cycle in which it can."""
    assert len(came) == len(tokens)
    moving = [cycle for cycle in range(1, len(holds)) if not holds[cycle - cycles_until_held()]]
    expected, free = [], 0  # the latter counts cycles in which something moves
    for number in range(sweeps):
        expected.append((moving[free], "sweep last" if number == sweeps - 1 else "sweep end"))
        free += 1 + (number == sweeps - 1)
    for number, what in operations_of(tokens):
        # It is known two cycles after its coming, comes to the head, and begins.
        free = max(free, bisect.bisect_left(moving, came[number] + RowReader.latency - 2) + 2)
        expected.append((moving[free], what))
        free += 1 + (what == "last")  # it rests after an inference's last end
    assert given == expected


@functools.cache
def cycles_until_held():
    """Return how many cycles after ``hold`` nothing moves."""
    dut, valid = make(spikes_per_token=1, slack=8), []

    async def drive(ctx):
        ctx.set(dut.i, rows_word([(0, 5)], 1, 0))
        await ctx.tick()
        ctx.set(dut.i, rows_word([(0, 0)], 0, 0))
        await ctx.tick().until(dut.valid)
        ctx.set(dut.hold, 1)
        for _ in range(4):
            valid.append(ctx.get(dut.valid))
            await ctx.tick()

    simulate(dut, drive)
    return valid.index(0)


@functools.cache
def cycles_until_counted():
    """Return how many cycles after a token's coming ``room`` counts it."""
    depth, begin = 8, 5
    for count in range(1, 12):
        dut, room = make(spikes_per_token=1, queue_depth=depth, slack=depth - 2), []

        async def drive(ctx, dut=dut, room=room, count=count):
            ctx.set(dut.hold, 1)
            for cycle in range(30):
                ctx.set(dut.i, rows_word([(0, 0)], begin <= cycle < begin + count, 0))
                room.append(ctx.get(dut.room))
                await ctx.tick()

        simulate(dut, drive)
        if not room[-1]:
            return room.index(0, begin) - (begin + count - 1)
    raise AssertionError("there is always room")


@pytest.mark.parametrize("queue", [GENERIC_MEMORY, ICE40UP_MEMORY], ids=["LUTs", "block RAM"])
@pytest.mark.parametrize("hold", [(0, 0), (0.3, 0.3), (0.02, 0.97), (0.9, 0.9)])
@pytest.mark.parametrize("spikes_per_token", [1, 2])
def test_operations_and_their_cycles(spikes_per_token, hold, queue):
    """Rows of all lengths at all ports, with and without pressure; no gap but the rest after an inference's last end."""
    for seed, (depth, late, longest) in enumerate([(8, 0, 1), (8, 3, 5), (16, 2, 31), (64, 5, 2)]):
        rng = random.Random(f"{spikes_per_token} {hold} {seed}")
        tokens = random_tokens(rng, 60, spikes_per_token=spikes_per_token, longest=longest, empty=rng.choice([0, 0.3, 0.8]))
        dut = make(
            longest, spikes_per_token=spikes_per_token, queue_depth=depth, slack=cycles_until_counted() + late, style=queue
        )
        stall = rng.choice([0, 0.3, 0.8])
        came, given, holds = run(dut, tokens, delay=late, hold=at_random(*hold), stall=stall, seed=seed)
        check(tokens, came, given, holds)


@pytest.mark.parametrize("late", [0, 1, 3, 5])
@pytest.mark.parametrize("depth", [8, 16, 32, 64])
def test_no_token_is_lost_at_full_pressure(depth, late):
    """Long holds with a token on offer in each cycle: the queue becomes full, and nothing is lost."""
    slack = cycles_until_counted() + late
    for spikes_per_token in (1, 2):
        tokens = [([(at % 190, int(at % 3 == 0))] * spikes_per_token, 1, int(at % 4 == 3)) for at in range(3 * depth)]
        dut = make(spikes_per_token=spikes_per_token, queue_depth=depth, slack=slack)
        came, given, holds = run(dut, tokens, delay=late, hold=lambda rng, cycle, held: cycle // (depth + 20) % 2 == 0)
        check(tokens, came, given, holds)
        # At most two are not in the queue any more: one is at its head, one is under way.
        waiting = [sum(c < cycle for c in came) for cycle, held in enumerate(holds) if held]
        done = [sum(c < cycle and what in ("end", "last") for c, what in given) for cycle, held in enumerate(holds) if held]
        assert max(map(int.__sub__, waiting, done)) in (depth, depth + 1, depth + 2) or depth < slack + 2


def test_tokens_that_mean_nothing_are_not_kept():
    """They cost no cycle and no room, so also more of them than the queue has places."""
    for spikes_per_token in (1, 2):
        dut = make(spikes_per_token=spikes_per_token, slack=7)
        tokens = [
            *[([(9, 0)] * spikes_per_token, 0, 0)] * 40,
            ([(3, 2)] + [(0, 0)] * (spikes_per_token - 1), 0, 0),
            ([(9, 0)] * spikes_per_token, 1, 0),
        ]
        came, given, holds = run(dut, tokens)
        assert came == list(range(came[0], came[0] + 42))
        check(tokens, came, given, holds)


@pytest.mark.parametrize("sweeps", [1, 2, 5])
def test_sweeps(sweeps):
    """Each is an operation, and after the last one it rests."""
    dut = make(spikes_per_token=2, slack=4)
    tokens = [([(5, 2), (9, 1)], 1, 0), ([(0, 0), (1, 1)], 1, 1)]
    came, given, holds = run(dut, tokens, sweeps=sweeps, seed=3)
    check(tokens, came, given, holds, sweeps=sweeps)


def test_latency():
    """`latency` cycles from a row's coming to its first operation."""
    dut = make(spikes_per_token=2, slack=4)
    for rows in ([(5, 2), (9, 0)], [(0, 0), (5, 2)]):
        came, given, _ = run(dut if rows[1][1] == 0 else make(spikes_per_token=2, slack=4), [(rows, 1, 0)])
        assert given == [(came[0] + RowReader.latency + at, what) for at, what in enumerate([5, 6, "end"])]
