"""The sequencer runs programs of any instructions, which the bench executes."""

import random
from itertools import pairwise

import pytest

from firstspike_hw.memory.style import ECP5_MEMORY, GENERIC_MEMORY
from firstspike_hw.processor.shared.dispatcher import INTEGRATION
from firstspike_hw.processor.shared.fire_sequencer import GEOMETRY
from firstspike_hw.processor.shared.sequencer import SETTLING, Sequencer
from firstspike_spec.common.words import Memory
from firstspike_spec.processor.instructions import FIRE, INTEGRATE, End, Fire, Integrate, Wait

from ...bench import load_word, loader, peek, simulate
from .models import small


def random_program(rng):
    """Return instructions with any fields, the last one an END."""
    program = []
    for _ in range(rng.randrange(9)):
        kind = rng.choice([Integrate, Integrate, Fire, Fire, Wait])
        if kind is Wait:
            program.append(Wait())
        elif kind is Integrate:
            fields = [rng.randrange(32), rng.randrange(2), *(rng.randrange(1 << 16) for _ in range(4))]
            program.append(Integrate(*fields))
        else:
            thresholds = tuple(rng.randrange(1 << 32) for _ in range(rng.choice([2, 3, 8, 32])))
            flags = [rng.randrange(2) for _ in range(3)]
            widths = [16, 18, 16, 16, 9, 9, 4, 2, 9, 9]
            program.append(Fire(rng.randrange(32), *flags, thresholds, *(rng.randrange(1 << bits) for bits in widths)))
    return [*program, End()]


def a_fire(thresholds):
    return Fire(1, True, True, False, thresholds, 1, 2, 3, 4, 5, 6, 7, 1, 8, 9)


def words_of(program):
    return [int(word) for instruction in program for word in instruction.words()]


def fields(instruction, layout):
    return {name: int(getattr(instruction, name)) for name in layout.members}


class Workers:
    """Those who execute: each is busy for a random time. Checks when instructions start, and notes them in order."""

    def __init__(self, dut, rng, *, most):
        self.dut, self.rng, self.most = dut, rng, most
        self.events, self.thresholds = [], []
        self.fire = None  # the FIRE under way, from its start to its end
        self.cycle = 0

    async def work(self, ctx):
        dut, rng = self.dut, self.rng
        left = dict.fromkeys(("integrating", "working", "stepping", "firing"), 0)
        quiet_lanes = quiet_fire = 1000
        outputs = [dut.integrate, dut.fire, dut.opens, dut.closes, dut.write, dut.decide]
        data = [dut.integration, dut.geometry, dut.firing_of, dut.write_step, dut.threshold]
        decide_left = None
        while True:
            for name, cycles in left.items():
                ctx.set(getattr(dut, name), cycles > 0)
            decided = decide_left == 0
            ctx.set(dut.decided, decided)
            (
                *_,
                integrate,
                fire,
                opens,
                closes,
                write,
                decide,
                integration,
                geometry,
                of,
                step,
                threshold,
            ) = await ctx.tick().sample(*outputs, *data)
            self.cycle += 1
            now = {name: cycles > 0 for name, cycles in left.items()}
            quiet_lanes = 0 if now["integrating"] else quiet_lanes + 1
            quiet_fire = 0 if now["stepping"] or now["firing"] else quiet_fire + 1
            left = {name: max(0, cycles - 1) for name, cycles in left.items()}

            if write:
                assert self.fire is None, "a threshold of the FIRE under way is replaced"
                self.thresholds.append((step, threshold))
            if integrate:
                assert not now["integrating"]
                self.events.append(("integrate", {name: int(getattr(integration, name)) for name in INTEGRATION.members}))
                left["integrating"] = rng.randrange(1, self.most)
                # Lanes are seen to work a little later.
                left["working"] = left["integrating"] + SETTLING - 1 + rng.choice([0, 0, rng.randrange(self.most)])
                quiet_lanes = 0
            if closes:
                assert self.fire["closes"]
                assert not self.fire["output"]
                self.events.append(("closes", int(of.source)))
            if fire:
                assert self.fire is None, "the FIRE before it is under way"
                assert not now["working"]
                assert quiet_lanes >= SETTLING - 1
                self.fire = {name: int(getattr(of, name)) for name in of.shape().members}
                self.events.append(("fire", {name: int(getattr(geometry, name)) for name in GEOMETRY.members}, self.fire))
                self.events.append(("thresholds", [value for _, value in self.thresholds]))
                assert [number for number, _ in self.thresholds] == list(range(len(self.thresholds)))
                self.thresholds = []
                assert opens == (self.fire["opens"] and not self.fire["output"])
                left["stepping"] = rng.randrange(1, self.most)
                left["firing"] = left["stepping"] + SETTLING - 1 + rng.choice([0, 0, rng.randrange(self.most)])
                quiet_fire = 0
            elif self.fire and quiet_fire >= SETTLING:
                self.events.append(("fire is over",))
                assert closes == (self.fire["closes"] and not self.fire["output"])
                self.fire = None
            if decide and decide_left is None:
                assert self.fire is None
                assert not now["integrating"]
                self.events.append(("decide",))
                decide_left = rng.randrange(4)
            elif decide_left is not None:
                decide_left = None if decided else decide_left - 1


def expected_events(program):
    """Return what starts, in order, for one image; when a FIRE is over depends on the time."""
    events = []
    for instruction in program:
        if isinstance(instruction, Integrate):
            events.append(("integrate", fields(instruction, INTEGRATION)))
        elif isinstance(instruction, Fire):
            firing = {name: int(getattr(instruction, name)) for name in ("source", "opens", "closes", "output")}
            events.append(("fire", fields(instruction, GEOMETRY), {**firing, "time_steps": len(instruction.thresholds)}))
            events.append(("thresholds", list(instruction.thresholds)))
    return [*events, ("decide",)]


async def load(ctx, dut, words):
    await loader(dut.load, [load_word(Memory.ENTRIES, at, word) for at, word in enumerate(words)])(ctx)
    await ctx.tick()


@pytest.mark.parametrize("style", [GENERIC_MEMORY, ECP5_MEMORY, "late"], ids=str)
@pytest.mark.parametrize("most", [2, 30, 200])
def test_random_programs(most, style, late_block_rams, record_property):
    """Everything starts in order with its fields, and not before it may: see `Workers`."""
    style, values = late_block_rams if style == "late" else style, 0
    for seed in range(8):
        rng = random.Random(f"{most} {seed}")
        program = random_program(rng)
        dut = Sequencer(small(style, program=400))
        workers = Workers(dut, rng, most=most)

        async def drive(ctx, dut=dut, program=program, rng=rng):
            await load(ctx, dut, words_of(program))
            for _ in range(3):
                await ctx.tick().repeat(rng.choice([1, 20]))
                assert not ctx.get(dut.active)
                ctx.set(dut.image_waits, 1)
                await ctx.tick()
                ctx.set(dut.image_waits, 0)
                while ctx.get(dut.active):
                    await ctx.tick()

        simulate(dut, drive, background=[workers.work], hostile=True)
        started = [event for event in workers.events if event[0] not in ("closes", "fire is over")]
        assert started == 3 * expected_events(program)
        closes = [event for event in workers.events if event[0] == "closes"]
        fires = [instruction for instruction in program if isinstance(instruction, Fire)]
        assert closes == 3 * [("closes", fire.source) for fire in fires if fire.closes and not fire.output]
        values += sum(len(event[1]) if len(event) > 1 else 1 for event in started)
        assert workers.events.count(("fire is over",)) == 3 * len(fires)
    record_property("values", values)


def test_a_wait_ends_with_the_fire_before_it():
    """The INTEGRATE behind it starts after the FIRE is over; without the WAIT, at once."""
    integrate = Integrate(3, 0, 1, 2, 3, 4)
    fire = a_fire((3, 2))
    for wait in ([], [Wait()]):
        dut = Sequencer(small())
        workers = Workers(dut, random.Random(1), most=200)

        async def drive(ctx, dut=dut, wait=wait):
            await load(ctx, dut, words_of([fire, *wait, integrate, End()]))
            ctx.set(dut.image_waits, 1)
            await ctx.tick()
            ctx.set(dut.image_waits, 0)
            while ctx.get(dut.active):
                await ctx.tick()

        simulate(dut, drive, background=[workers.work])
        names = [event[0] for event in workers.events if event[0] not in ("closes", "thresholds")]
        order = ["fire is over", "integrate"] if wait else ["integrate", "fire is over"]
        assert names == ["fire", *order, "decide"]


def test_fetching():
    """The first word of an instruction is there `fetch_latency` cycles after the last start, then one a cycle."""
    dut, starts = Sequencer(small()), []
    program = [Integrate(n, 0, 1, 2, 3, 4) for n in range(3)]
    fire = a_fire((3, 2, 1))

    async def watch_starts(ctx):
        cycle = 0
        while True:
            *_, integrate, fires = await ctx.tick().sample(dut.integrate, dut.fire)
            if integrate or fires:
                starts.append(cycle)
            cycle += 1

    async def drive(ctx):
        await load(ctx, dut, words_of([*program, fire, End()]))
        ctx.set(dut.image_waits, 1)
        await ctx.tick()
        ctx.set(dut.image_waits, 0)
        await ctx.tick().repeat(80)

    simulate(dut, drive, background=[watch_starts])
    integrate_cycles = 1 + Sequencer.fetch_latency + len(INTEGRATE)
    fire_cycles = 1 + Sequencer.fetch_latency + len(FIRE) + 3
    assert [late - early for early, late in pairwise(starts)] == [
        integrate_cycles,
        integrate_cycles,
        fire_cycles,
    ]


def test_the_program_is_read_back():
    dut, rng = Sequencer(small()), random.Random(3)
    words = [rng.randrange(1 << 32) for _ in range(200)]

    async def drive(ctx):
        await load(ctx, dut, words)
        places = [load_word(Memory.ENTRIES, at, 0) for at in range(200)]
        assert await peek(ctx, dut.load, places, Sequencer.peek_latency) == words

    simulate(dut, drive, hostile=True)
