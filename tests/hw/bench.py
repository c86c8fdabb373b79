"""What the benches of the gateware share.

A simulator that cannot hang, memories whose unspecified words are wrong, and ends of streams that stall at random.
"""

import contextlib
import itertools
import random
from unittest import mock

import amaranth.lib.fifo
import amaranth.lib.memory
from amaranth.hdl import ClockDomain, Module, Mux, ShapeCastable, Signal, Value, ValueCastable
from amaranth.lib import data
from amaranth.lib.memory import Memory, ReadPort
from amaranth.sim import Simulator

from firstspike_hw.memory.style import MemoryStyle
from firstspike_spec.common.words import LOAD_WORD

_LOAD_FIELDS = [field.name for field in LOAD_WORD.fields]

#: No memory in LUTs; and the same with block RAM that has output registers: words come a cycle later.
BLOCK_RAMS = MemoryStyle("block RAM", lut_ram_words=0)
LATE_BLOCK_RAMS = MemoryStyle("block RAM with output registers", output_registers=True, lut_ram_words=0)

#: Stalls before each transfer, of the sender and of the receiver.
STALLS = [(0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5)]


class HostileMemory(Memory):
    """A memory that does to its reader what some device may do.

    At power-up its words are random where nobody says what they are. Its registered read ports give the inverse of a word
    that is written in the same cycle.
    """

    #: The signals that tell of such a cycle, of all memories made.
    collisions: list[Signal] = []  # noqa: RUF012
    _numbers = itertools.count()

    def __init__(self, data=None, *, shape=None, depth=None, init=None, **options):
        if data is None:
            init, rng = list(init), random.Random(f"garbage {next(self._numbers)}")
            garbage = [rng.getrandbits(Value.cast(Signal(shape)).shape().width) for _ in range(depth - len(init))]
            init += [shape.from_bits(word) for word in garbage] if isinstance(shape, ShapeCastable) else garbage
        super().__init__(data, shape=shape, depth=depth, init=init, **options)
        self._hostile_reads = []

    def read_port(self, *, domain="sync", **options):
        inner = super().read_port(domain=domain, **options)
        if domain == "comb":
            return inner
        outer = ReadPort.Signature(addr_width=len(inner.addr), shape=inner.signature.shape).create()
        self._hostile_reads.append((inner, outer))
        return outer

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = super().elaborate(platform)
        for inner, outer in self._hostile_reads:
            collides, collided = Signal(), Signal()
            self.collisions.append(collides)
            same = [port.en.any() & (port.addr == outer.addr) for port in self.write_ports]
            word = Value.cast(inner.data)
            m.d.comb += [
                inner.addr.eq(outer.addr),
                inner.en.eq(outer.en),
                collides.eq(outer.en & sum(same[1:], same[0])),
                Value.cast(outer.data).eq(Mux(collided, ~word, word)),
            ]
            with m.If(outer.en):
                m.d.sync += collided.eq(collides)
        return m


@contextlib.contextmanager
def hostile_memories():
    """Make all memories that are elaborated meanwhile hostile; give the list of their collisions."""
    with (
        mock.patch.object(HostileMemory, "collisions", []),
        mock.patch.object(HostileMemory, "_numbers", itertools.count()),
        mock.patch.object(amaranth.lib.memory, "Memory", HostileMemory),
        mock.patch.object(amaranth.lib.fifo, "Memory", HostileMemory),
    ):
        yield HostileMemory.collisions


def with_reset(component):
    """Return a design of one component, and the signal that resets it."""
    top, domain = Module(), ClockDomain("sync")
    top.domains.sync = domain
    top.submodules.dut = component
    return top, domain.rst


def simulate(component, *testbenches, background=(), limit=20_000, hostile=False, collisions=None):
    """Run testbenches until all of them end; fail if that takes more than ``limit`` cycles.

    If ``hostile``, the component's memories are `HostileMemory`, and the signals that tell of their collisions are appended to
    ``collisions`` before the first cycle.
    """

    async def watchdog(ctx):
        for _ in range(limit):
            await ctx.tick()
        raise AssertionError(f"the bench still runs after {limit} cycles")

    with hostile_memories() if hostile else contextlib.nullcontext([]) as signals:
        simulator = Simulator(component)
    if collisions is not None:
        collisions += signals
    simulator.add_clock(1e-6)
    for testbench in testbenches:
        simulator.add_testbench(testbench)
    for testbench in (*background, watchdog):
        simulator.add_testbench(testbench, background=True)
    simulator.run()


def plain(value):
    """Return a sampled payload as a number, or as a tuple of its fields."""
    if isinstance(value, data.Const):
        return tuple(int(getattr(value, name)) for name in value.shape().members)
    return int(value)


async def put(ctx, stream, payload):
    """Transfer one item."""
    ctx.set(stream.payload, payload)
    ctx.set(stream.valid, 1)
    await ctx.tick().until(stream.ready)
    ctx.set(stream.valid, 0)


async def get(ctx, stream):
    """Take one item."""
    ctx.set(stream.ready, 1)
    *_, payload = await ctx.tick().sample(stream.payload).until(stream.valid)
    ctx.set(stream.ready, 0)
    return plain(payload)


async def stall(ctx, rng, probability):
    while rng.random() < probability:
        await ctx.tick()


def sender(stream, items, *, stalls=0, seed=0):
    """Return a testbench that sends items; a tuple stands for the fields of the payload."""

    async def testbench(ctx):
        rng = random.Random(f"send {seed}")
        names = stream.payload.shape().members if isinstance(stream.payload, ValueCastable) else None
        for item in items:
            await stall(ctx, rng, stalls)
            await put(ctx, stream, dict(zip(names, item, strict=True)) if names else item)

    return testbench


def receiver(stream, count, into, *, stalls=0, seed=0):
    """Return a testbench that takes ``count`` items and appends them to the list ``into``."""

    async def testbench(ctx):
        rng = random.Random(f"receive {seed}")
        for _ in range(count):
            await stall(ctx, rng, stalls)
            into.append(await get(ctx, stream))

    return testbench


def drain(stream, *, stalls=0, seed=0):
    """Return a background testbench that takes whatever comes, and stalls at random; `watch` notes it."""

    async def testbench(ctx):
        rng = random.Random(f"drain {seed}")
        while True:
            ctx.set(stream.ready, rng.random() >= stalls)
            await ctx.tick()

    return testbench


def marked(content: bytes) -> list[tuple[int, int]]:
    """Return the bytes of a frame, the last one marked."""
    return [(byte, int(at == len(content) - 1)) for at, byte in enumerate(content)]


def watch(stream, into, *, rule=True):
    """Return a background testbench that notes each transfer as (cycle, item).

    It also holds the stream to its rule, which does not hold across a reset: what is offered stays the same until it is taken.
    """

    async def testbench(ctx):
        cycle, waiting = 0, None
        while True:
            *_, valid, ready, payload = await ctx.tick().sample(stream.valid, stream.ready, stream.payload)
            item = plain(payload) if valid else None
            assert waiting is None or item == waiting or not rule, f"cycle {cycle}: {waiting} was offered, then {item}"
            waiting = item if valid and not ready else None
            if valid and ready:
                into.append((cycle, item))
            cycle += 1

    return testbench


def note(signal, into):
    """Return a background testbench that notes a signal's value in each cycle."""

    async def testbench(ctx):
        while True:
            *_, value = await ctx.tick().sample(signal)
            into.append(plain(value))

    return testbench


def load_word(memory, address, word, *, lane=0, layer=0):
    """Return the fields of a load word, in the order of `LOAD_WORD`."""
    return (int(word) & 0xFFFF_FFFF, int(address), int(memory), lane, layer)


def loader(bus, words, *, stalls=0, seed=0):
    """Return a testbench that writes load words over a load bus."""

    async def testbench(ctx):
        rng = random.Random(f"load {seed}")
        for word in words:
            await stall(ctx, rng, stalls)
            ctx.set(bus.word, dict(zip(_LOAD_FIELDS, word, strict=True)))
            ctx.set(bus.write, 1)
            await ctx.tick()
            ctx.set(bus.write, 0)

    return testbench


async def peek(ctx, bus, places, latency, *, peeked=None):
    """Read the words at load words' places, one a cycle; return what ``peeked`` shows ``latency`` cycles later.

    ``peeked`` is that of the bus, unless the words come out elsewhere.
    """
    got, peeked = [], bus.peeked if peeked is None else peeked
    for at in range(len(places) + latency - 1):
        ctx.set(bus.peek, at < len(places))
        if at < len(places):
            ctx.set(bus.word, dict(zip(_LOAD_FIELDS, places[at], strict=True)))
        await ctx.tick()
        if at >= latency - 1:
            got.append(ctx.get(peeked))
    ctx.set(bus.peek, 0)
    await ctx.tick().repeat(latency)
    assert ctx.get(peeked) == 0
    return got
