"""The accumulator and its fire queue against neurons that are updated one operation at a time."""

import random
from collections import deque
from dataclasses import replace
from itertools import pairwise, product
from unittest import mock

import pytest
from amaranth.hdl import Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from firstspike_hw.lane.accumulator import Accumulator
from firstspike_hw.lane.fire_queue import FireQueue
from firstspike_hw.lane.lane import Lane
from firstspike_hw.lane.parameters import entry_latency, inference_tag_bits
from firstspike_hw.lane.row_reader import operation_layout
from firstspike_hw.memory.style import GENERIC_MEMORY
from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.shapes import AddressTableShape, LayerShape

from ...levels import each_choice, thorough
from ..bench import BLOCK_RAMS, load_word, loader, peek, plain, simulate, with_reset
from ..models import Neurons, in_lane_steps, parameters
from .test_row_reader import cycles_until_held

#: Operations as the bench has them: (neuron, weight), or one of these.
END, LAST = "end", "last"

#: Neurons that are no map's, and those of maps.
MAPS = [None, "no bases", "bases"]


def make(neurons, *, weight_bits=4, potential_bits=8, maps=None):
    """Return a layer's shape; one with maps has ``"bases"``, or ``"no bases"``."""
    shape = LayerShape(2, 1, 1, neurons, 8, 8, weight_bits, potential_bits)
    bits = {"bases": shape.neuron_bits, "no bases": 0}
    return replace(shape, address_table=AddressTableShape(4, 0, 2, bits[maps])) if maps else shape


class ScriptedReader(wiring.Component):
    """Stands where a lane has its row reader; the bench drives what it gives."""

    def __init__(self, sizes):
        base_bits = sizes.shape.base_bits
        super().__init__(
            {
                "i": In(sizes.lane_token),
                "room": Out(1),
                "sweep": In(1),
                "sweep_last": In(1),
                "hold": In(1),
                "address": Out(sizes.entry_address_bits),
                **({"base": Out(base_bits)} if base_bits else {}),
                "o": Out(operation_layout()),
                "valid": Out(1),
            }
        )

    def elaborate(self, platform):
        return Module()


class Run:
    """A lane's accumulator and fire queue, with their inputs and outputs.

    Attributes
    ----------
    begun : list of (int, tuple)
        The cycle of each operation, sweeps not among them.
    given : list of (int, tuple)
        The cycle of each transfer at the output.
    crowded : list of int
        The cycles in which the fire queue was crowded.
    added : int
        Times that ``operation`` was set.
    """

    def __init__(self, shape, *, time_steps, initials=(), style=GENERIC_MEMORY, seed=0):
        self.shape, self.rng = shape, random.Random(f"run {seed}")
        self.begun, self.given, self.crowded, self.added = [], [], [], 0
        sizes = parameters(shape, time_steps=time_steps, memory_style=style)
        self._reader = ScriptedReader(sizes)
        self.lane = Lane(sizes, initials)
        self._cycle, self._offered, self._rests = 0, None, False
        self._entries, self._holds = self._no_entries(), deque([0] * cycles_until_held())

    def _no_entries(self):
        """Return what comes out of the entries' memory until the first one is there."""
        return deque([None] * entry_latency(self.shape))

    def simulate(self, drive, top=None, *, collisions=None):
        """Run a testbench; the lane may lie in a larger design. ``collisions`` are those of `bench.simulate`."""
        with mock.patch("firstspike_hw.lane.lane.RowReader", return_value=self._reader):
            simulate(top or self.lane, drive, hostile=True, limit=100_000, collisions=collisions)

    async def cycle(self, ctx, operation=None, *, ready=True, sweep=False):
        """Let a cycle pass; return whether the operation began, which it does not if the fire queue holds it."""
        lane, reader, rng, bits = self.lane, self._reader, self.rng, self.shape.entry.bits
        held = self._holds.popleft()
        begins = operation is not None and not held and not self._rests
        self._rests = begins and operation == LAST
        end = operation in (END, LAST)
        # The entry holds the neuron less the base, which may be any number.
        base = rng.getrandbits(self.shape.base_bits)
        number = operation and not end and (operation[0] - base) % (1 << self.shape.neuron_bits)
        self._entries.append((number, operation[1]) if begins and not end else None)
        entry = self._entries.popleft()
        # Words that must have no effect are random.
        word = int(self.shape.entry.pack(neuron=entry[0], weight=entry[1])) if entry else rng.getrandbits(bits)
        ctx.set(reader.valid, begins)
        if self.shape.base_bits:
            ctx.set(reader.base, base)
        kind = end | (operation == LAST or (rng.randrange(2) and not end)) << 1 | sweep << 2
        ctx.set(Value.cast(reader.o), kind if begins else rng.getrandbits(3))
        ctx.set(Value.cast(lane.entry), word)
        ctx.set(lane.o.ready, ready)
        crowded = ctx.get(reader.hold)
        self._holds.append(crowded)
        offered = plain(ctx.get(lane.o.payload)) if ctx.get(lane.o.valid) else None
        assert self._offered is None or offered == self._offered, f"{self._offered} was offered, then {offered}"
        self._offered = None if ready else offered
        if ready and offered is not None:
            self.given.append((self._cycle, offered))
        if begins and not sweep:
            self.begun.append((self._cycle, operation))
        if crowded:
            self.crowded.append(self._cycle)
        self.added += ctx.get(lane.operation)
        self._cycle += 1
        await ctx.tick()
        return begins

    async def sweep(self, ctx):
        """As a lane group does after a reset; with old operations no longer on their way."""
        self._entries, self._offered = self._no_entries(), None
        self._holds = deque([0] * cycles_until_held())
        for number in range(self.shape.lane_neurons):
            await self.cycle(ctx, LAST if number == self.shape.lane_neurons - 1 else END, sweep=True)
        for _ in range(2):  # an operation comes three cycles after the last sweep at the earliest
            await self.cycle(ctx)
        assert self.given == []

    async def operations(self, ctx, operations, *, gap=0.0, stalls=(0.0, 0.0)):
        """Begin operations, with gaps; the receiver's stalls begin and go on with the given probabilities."""
        waiting, stalled = deque(operations), False
        while waiting:
            stalled = self.rng.random() < stalls[stalled]
            operation = waiting[0] if self.rng.random() >= gap else None
            if await self.cycle(ctx, operation, ready=not stalled):
                waiting.popleft()

    async def settle(self, ctx):
        """Take what still comes."""
        quiet = 0
        while quiet < Accumulator.latency + FireQueue.latency + 4 + self.shape.lane_neurons:
            before = len(self.given)
            await self.cycle(ctx)
            quiet = quiet + 1 if len(self.given) == before else 0

    def steps(self):
        return in_lane_steps([item for _, item in self.given])


def expected_steps(initials, operations):
    neurons, steps = Neurons(initials), []
    for operation in operations:
        if operation in (END, LAST):
            steps.append((neurons.end(operation == LAST), int(operation == LAST)))
        else:
            neurons.add(*operation)
    return steps


def check(shape, initials, operations, *, time_steps, gap=0.0, stalls=(0.0, 0.0), seed=0, style=None):
    """Run operations and compare all with the model; return the run.

    Without a style, memories lie in LUTs, or in block RAM if the seed is odd.
    """
    style = style or (GENERIC_MEMORY if seed % 2 == 0 else BLOCK_RAMS)
    run = Run(shape, time_steps=time_steps, initials=initials, style=style, seed=seed)

    async def drive(ctx):
        await run.sweep(ctx)
        await run.operations(ctx, operations, gap=gap, stalls=stalls)
        await run.settle(ctx)

    run.simulate(drive)
    assert run.steps() == expected_steps(initials, operations)
    assert run.added == sum(operation[1] != 0 for operation in operations if operation not in (END, LAST))
    return run


def start_row(rng, initials):
    """Return the operations on neurons that are at the threshold before anything has happened."""
    row = [(neuron, 0) for neuron, initial in enumerate(initials) if initial >= 0]
    rng.shuffle(row)
    return row


def random_operations(rng, shape, initials, *, time_steps, inferences, most):
    """Return operations of inferences of ``time_steps`` each; no potential leaves its range."""
    operations, half = [], 1 << (shape.weight_bits - 1)
    low, high = -(1 << (shape.potential_bits - 1)), (1 << (shape.potential_bits - 1)) - 1
    for _ in range(inferences):
        potentials, favourites = list(initials), rng.sample(range(len(initials)), min(len(initials), rng.choice([1, 2, 3])))
        operations += start_row(rng, initials)
        for step in range(time_steps):
            for _ in range(rng.choice([0, 0, 1, 2, rng.randint(0, most)])):
                neuron = rng.choice(favourites) if rng.random() < 0.6 else rng.randrange(len(initials))
                # Often to the other side of the threshold.
                wanted = -potentials[neuron] + rng.choice([-1, 0, 0, 1]) if rng.random() < 0.5 else rng.randint(-half, half)
                weight = max(-half, min(half - 1, wanted))
                weight = max(low - potentials[neuron], min(high - potentials[neuron], weight))
                potentials[neuron] += weight
                operations.append((neuron, weight))
            operations.append(LAST if step == time_steps - 1 else END)
    return operations


def neighbours(begun, neurons, renewed=0):
    """Return, of each operation, its kind and those of the operations on the same neuron 1, 2 and 3 cycles before.

    ``begun`` are (cycle, operation); the next end renews the neuron ``renewed``.
    """
    by_cycle, found = {}, []
    for cycle, operation in begun:
        kind, neuron = (operation, renewed) if operation in (END, LAST) else ("add", operation[0])
        if kind != "add":
            renewed = (renewed + 1) % neurons
        by_cycle[cycle] = neuron, kind
        before = (by_cycle.get(cycle - distance, (None, None)) for distance in (1, 2, 3))
        found.append((kind, *(other if at == neuron else None for at, other in before)))
    return found


def possible_neighbours(neurons):
    """Return all that `neighbours` can find: there is a rest after an inference's last end, and an inference has two ends."""
    found = set()
    for operations in product([None, END, LAST, *((neuron, 1) for neuron in range(neurons))], repeat=4):
        rests = all(after is None for before, after in pairwise(operations) if before == LAST)
        ends = [operation for operation in operations if operation in (END, LAST)]
        if operations[-1] is not None and rests and (LAST, LAST) not in pairwise(ends):
            begun = [(cycle, operation) for cycle, operation in enumerate(operations) if operation is not None]
            found |= {neighbours(begun, neurons, renewed)[-1] for renewed in range(neurons)}
    return found


def run_every_pattern_of_neighbours(neurons, style=None):
    found = set()
    for seed in range(3):
        rng = random.Random(f"{neurons} {seed}")
        time_steps, shape = [2, 5, 16][seed], make(neurons)
        initials = [rng.randint(-6, [-1, 3, -1][seed]) for _ in range(neurons)]
        operations = random_operations(rng, shape, initials, time_steps=time_steps, inferences=1200 // time_steps, most=4)
        run = check(
            shape,
            initials,
            operations,
            time_steps=time_steps,
            gap=[0.1, 0.3, 0.2][seed],
            stalls=(0.05, 0.5),
            seed=seed,
            style=style,
        )
        found |= set(neighbours(run.begun, neurons))
    assert found == possible_neighbours(neurons)


@pytest.mark.parametrize("neurons", [1, 2])
def test_every_pattern_of_neighbours(neurons):
    """Operations on one neuron 1, 2 and 3 cycles apart, in all combinations of weights and ends."""
    run_every_pattern_of_neighbours(neurons)


def run_random_operations(neurons, maps, style=None):
    for seed, (most, time_steps, less) in enumerate([(10, 2, 0), (60, 3, 1), (10, 9, 4), (25, 16, 0)]):
        rng = random.Random(f"{neurons} {seed}")
        widths = {"weight_bits": rng.choice([2, 4, 8]), "potential_bits": rng.choice([9, 12])}
        shape = make(neurons, **widths, maps=maps)
        initials = [rng.randint(-8, 3) for _ in range(neurons)]
        steps = time_steps - less
        operations = random_operations(rng, shape, initials, time_steps=steps, inferences=120 // steps, most=most)
        stalls = rng.choice([(0, 0), (0.3, 0.3), (0.02, 0.97)])
        check(
            shape, initials, operations, time_steps=time_steps, gap=rng.choice([0, 0.2]), stalls=stalls, seed=seed, style=style
        )


@pytest.mark.parametrize(("neurons", "maps"), each_choice([1, 2, 3, 5, 8, 12, 13, 17, 28, 40], MAPS))
def test_random_operations(neurons, maps):
    """Few operations and many, on favourites and on all; T at most and less; a receiver that stalls now and then."""
    run_random_operations(neurons, maps)


def test_rising_and_falling():
    """Whether a neuron fires is decided once, at the end of a step; one that has spiked never does again."""
    steps = {
        "rises and falls": ([(0, 3), (0, -2)], []),
        "rises, falls and rises": ([(0, 1), (0, -1), (0, 3), (0, -3), (0, 7), (0, -5)], [0]),
        "falls behind its spike": ([(0, -6)], []),
        "rises behind its spike": ([(0, 7), (1, 1)], []),
        "two at once, one of them no longer": ([(1, 1), (2, 4), (2, -1), (2, 1)], [1, 2]),
        "nobody": ([], []),
    }
    initials = [-2, -2, -4]
    shape = make(3)
    operations, expected = [], []
    for at, (adds, fire) in enumerate(steps.values()):
        last = at == len(steps) - 1
        operations += [*adds, LAST if last else END]
        expected.append((fire, int(last)))
    assert expected_steps(initials, operations) == expected
    for gap in (0, 0.3, 0.8):
        check(shape, initials, operations * 8, time_steps=len(steps), gap=gap, seed=gap)


@pytest.mark.parametrize("bits", [2, 5, 8, 32])
def test_the_ends_of_the_potentials_range(bits):
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    for seed in range(3):
        rng = random.Random(f"{bits} {seed}")
        shape = make(4, weight_bits=min(bits, 8), potential_bits=bits)
        initials = [low, high, -1, 0]
        operations = []
        for _ in range(20):
            potentials = list(initials)
            operations += start_row(rng, initials)
            for end in (END, END, LAST):
                for _ in range(rng.randrange(8)):
                    neuron = rng.randrange(4)
                    half = 1 << (shape.weight_bits - 1)
                    weight = max(low - potentials[neuron], min(high - potentials[neuron], rng.choice([-half, half - 1])))
                    potentials[neuron] += weight
                    operations.append((neuron, weight))
                operations.append(end)
        check(shape, initials, operations, time_steps=3, gap=0.1 * seed, seed=seed)


def run_words_of_old_inferences(neurons, style=None):
    shape = make(neurons)
    period_bits = inference_tag_bits(neurons) + 1
    for bits in range(1, period_bits + 1):
        operations = []
        for inference in range(2 * (1 << bits) + 1):
            # Twice the weight would fire; so would a word that says that the neuron has not spiked yet, in the other half.
            if inference % (1 << bits) == 0:
                operations += [(neuron, 2 if neuron % 2 else 3) for neuron in range(neurons)]
            operations += [END, LAST]
        check(shape, [-3] * neurons, operations, time_steps=2, seed=bits, style=style)


@pytest.mark.parametrize("neurons", [1, 2, 3, 5, 8, 15, 16, 31, 40])
def test_words_of_old_inferences(neurons):
    """Neurons that are touched once in many inferences begin anew each time, however often the tags come round."""
    run_words_of_old_inferences(neurons)


@pytest.mark.parametrize(("neurons", "maps"), each_choice([1, 4, 12, 13, 15, 28, 29, 31, 40], MAPS))
def test_all_neurons_at_once_and_a_receiver_that_waits(neurons, maps):
    """Every neuron is a candidate in every step; the fire queue is crowded in time, and nothing is lost."""
    shape, crowded = make(neurons, maps=maps), 0
    for seed in range(3):
        rng, operations = random.Random(f"{neurons} {seed}"), []
        for _ in range(3):
            for step in range(3):
                operations += [(neuron, 3) for neuron in rng.sample(range(neurons), neurons)]
                # In the first step, all fall again.
                operations += [(neuron, -3) for neuron in rng.sample(range(neurons), neurons)] if step == 0 else []
                operations.append(LAST if step == 2 else END)
        stalls = [(1, 0.9), (0.02, 0.99), (0.3, 0.9)][seed]
        run = check(shape, [-3] * neurons, operations, time_steps=3, stalls=stalls, seed=seed)
        crowded += len(run.crowded)
    assert crowded or neurons == 1


@pytest.mark.parametrize("neurons", [12, 28, 60])
def test_a_step_alone_never_crowds(neurons):
    """As many places as neurons, and three more: a step goes on, whatever it does, as long as no other has ended."""
    operations = [(neuron, 3 * sign) for sign in (1, -1, 1) for neuron in range(neurons)]
    run = Run(make(neurons), time_steps=2, initials=[-3] * neurons)

    async def drive(ctx):
        await run.sweep(ctx)
        await run.cycle(ctx)
        for operation in [*operations, END]:
            assert await run.cycle(ctx, operation, ready=False)
        await run.operations(ctx, [*operations[:3], LAST])
        await run.settle(ctx)

    run.simulate(drive)
    assert run.steps() == [(list(range(neurons)), 0), ([], 1)]


@pytest.mark.parametrize("neurons", [1, 3, 12])
def test_a_reset_in_the_middle(neurons):
    """Whatever the words and the queue hold then, the next inference knows nothing of it."""
    rng, shape = random.Random(neurons), make(neurons)
    initials = [rng.randint(-4, 1) for _ in range(neurons)]
    run = Run(shape, time_steps=4, initials=initials)
    top, reset = with_reset(run.lane)

    async def drive(ctx):
        await run.sweep(ctx)
        for cut in range(12):
            operations = random_operations(rng, shape, initials, time_steps=4, inferences=4, most=2 * neurons)
            await run.operations(ctx, operations, stalls=(0.1, 0.8))
            await run.operations(ctx, operations[: rng.randrange(len(operations))], stalls=(0.1, 0.97))
            for _ in range(cut % 7):
                await run.cycle(ctx, ready=False)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            run.given.clear()
            await run.sweep(ctx)
            operations = random_operations(rng, shape, initials, time_steps=3, inferences=3, most=2 * neurons)
            await run.operations(ctx, operations, gap=0.1)
            await run.settle(ctx)
            assert run.steps() == expected_steps(initials, operations)
            run.given.clear()

    run.simulate(drive, top)


def run_initial_potentials(style):
    neurons, rng = 5, random.Random(1)
    shape = make(neurons)
    run = Run(shape, time_steps=4, style=style)
    lane = run.lane

    async def drive(ctx):
        await run.sweep(ctx)
        for _ in range(3):
            initials = [rng.randint(-8, 3) for _ in range(neurons)]
            words = [load_word(Memory.INITIAL_POTENTIALS, address, initial) for address, initial in enumerate(initials)]
            await loader(lane.load, words)(ctx)
            order = [rng.randrange(neurons) for _ in range(20)]
            places = [load_word(Memory.INITIAL_POTENTIALS, address, 0) for address in order]
            assert await peek(ctx, lane.load, places, Accumulator.peek_latency) == [
                initials[address] & 0xFF for address in order
            ]
            operations = random_operations(rng, shape, initials, time_steps=4, inferences=5, most=9)
            await run.operations(ctx, operations)
            await run.settle(ctx)
            assert run.steps() == expected_steps(initials, operations)
            run.given.clear()

    run.simulate(drive)


def test_initial_potentials_from_the_load_port_and_back():
    """A word a cycle, each in the next cycle."""
    run_initial_potentials(GENERIC_MEMORY)


def test_latency_and_throughput():
    """From an operation to its mark; one operation a cycle."""
    shape = make(4)
    dut, pushed, marked = Accumulator(parameters(shape, time_steps=2), [-1] * 4), [], []

    async def drive(ctx):
        # Neuron 3 takes a place at once, neuron 1 with its third weight.
        weights = [(1, -1), (1, 1), (1, 1), (3, 1), (1, -2), (0, -3), (3, 1)]
        for number in range(-shape.lane_neurons - 1, 30):
            sweeps, works = number < -1, 0 <= number < len(weights)
            end = number == len(weights)
            ctx.set(dut.valid, sweeps or works or end)
            ctx.set(dut.i, {"end": sweeps or end, "sweep": sweeps, "last": number == -2})
            entry = number - Accumulator.entry_latency
            if 0 <= entry < len(weights):
                ctx.set(dut.entry, dict(zip(("neuron", "weight"), weights[entry], strict=True)))
            for name, seen in (("push", pushed), ("mark", marked)):
                if ctx.get(getattr(dut.marks, name)):
                    seen.append(number - Accumulator.latency)
            await ctx.tick()

    simulate(dut, drive, hostile=True)
    assert pushed == [2, 3, 7]
    assert marked == [2, 3, 4, 6]


@pytest.mark.parametrize(
    "neurons", [pytest.param(1, marks=thorough), pytest.param(2, marks=thorough), 5, pytest.param(70, marks=thorough)]
)
def test_with_late_words(neurons, late_block_rams):
    """As with words that come in the cycle after their address, from the first neighbour to the oldest inference."""
    if neurons <= 2:
        run_every_pattern_of_neighbours(neurons, late_block_rams)
    for maps in (None, "bases"):
        run_random_operations(neurons, maps, late_block_rams)
    run_words_of_old_inferences(neurons, late_block_rams)


def test_initial_potentials_among_late_words(late_block_rams):
    run_initial_potentials(late_block_rams)
