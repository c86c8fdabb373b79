"""Tiny programs made by hand on the whole processor: what becomes of spikes without a place, reading again, and cycles."""

import pytest

from firstspike_hw.processor import processor as processor_module
from firstspike_hw.processor.shared.dispatcher import Dispatcher
from firstspike_hw.processor.shared.fire_sequencer import FireSequencer
from firstspike_hw.processor.shared.readout import ReadOut
from firstspike_spec.common.words import RESULT_WORD, Memory
from firstspike_spec.processor.instructions import End, Fire, Integrate, Wait
from firstspike_spec.protocol.processor_results import SPIKES_LOST

from ..bench import load_word, note, sender
from .processors import Bench, fields_of
from .shared.models import small

#: What a spike counts in any step, of inputs and of layers.
INPUT_VALUE, LAYER_VALUE = 3, 2

#: Rows of entries: none; one to the place of an output neuron; the same behind others without a weight.
EMPTY, TO_OUTPUT, SLOW = 0, 1, 2

#: Entries of the slow row.
SLOW_ENTRIES = 15

#: Sides of a lane's hidden unit, and the spikes of both.
SIDE, SPIKES = 6, 2 * 6 * 6

#: Where a lane has the neurons of its hidden unit, and its output neuron.
HIDDEN, OUTPUT = 0, 40


def integrate(source, row, *, release=True):
    return Integrate(source, release, row, 0, 0, 0)


def fire_hidden(source, *, opens=True, closes=True):
    """Each lane's unit: all its neurons spike, for their initial potential is at the last threshold."""
    return Fire(source, opens, closes, False, (7, 5, 4), 1, 0, HIDDEN, 0, SIDE, SIDE, 1, 0, SIDE, SIDE)


def fire_output(thresholds=(200, 100, 1)):
    return Fire(0, False, False, True, thresholds, 1, 40, OUTPUT, 0, 1, 1, 1, 0, 1, 1)


def load_words(shape, program):
    """Return the load words of a program, the tables, and two lanes with one hidden unit and one output neuron each.

    The output neuron of lane ``n`` adds ``n + 1`` times what a spike counts.
    """
    words = [int(word) for instruction in program for word in instruction.words()]
    shared = [words, [INPUT_VALUE] * 32 + [LAYER_VALUE] * 32, *[[int(shape.coordinate.pack(seen=1, row=0, base=0))] * 16] * 2]
    found = [
        load_word(Memory.ENTRIES, at, word, lane=lane, layer=1)
        for lane, part in enumerate(shared)
        for at, word in enumerate(part)
    ]
    for lane in range(shape.lanes):
        for first, initial in ((0, 4), (40, -lane)):
            header = int(shape.header.pack(exists=1, slot=0, channel=lane, initial=initial))
            for part in range(shape.header_words):
                word = header >> (part * shape.entry.bits) & ((1 << shape.entry.bits) - 1)
                found.append(load_word(Memory.ENTRIES, first + part, word, lane=lane))
        for at in range(SLOW_ENTRIES):
            weight = lane + 1 if at == SLOW_ENTRIES - 1 else 0
            found.append(load_word(Memory.ENTRIES, 80 + at, shape.entry.pack(offset=OUTPUT, weight=weight), lane=lane))
        for row, length in ((EMPTY, 0), (TO_OUTPUT, 1), (SLOW, SLOW_ENTRIES)):
            pointer = shape.pointer.pack(start=80 + SLOW_ENTRIES - length, length=length)
            found.append(load_word(Memory.POINTERS, row, pointer, lane=lane))
    return found


def inputs_of(shape, spikes):
    """Return the words of images with the given numbers of spikes."""
    words = []
    for count in spikes:
        words += [shape.spike.pack(end=0, step=0, x=at % 4, y=at // 4 % 4, channel=0) for at in range(count)]
        words.append(shape.spike.pack(end=1, step=0, x=0, y=0, channel=0))
    return words


def run(program, counts, *, stalls=(0, 0), background=(), **sizes):
    """Return for each image the potentials of both output neurons and the decision's value; and the shown spikes."""
    shape = small(potential_bits=12, potentials=64, **sizes).shape
    bench, found = Bench(shape), []

    async def drive(ctx):
        await sender(bench.dut.load, load_words(shape, program))(ctx)
        found.extend(await bench.feed(ctx, inputs_of(shape, counts), len(counts), stalls=stalls))

    bench.simulate(drive, background=background, limit=10_000)
    reports = fields_of(RESULT_WORD, found[0])
    images = []
    for at in range(0, len(reports), 3):
        first, second, decision = [*sorted(reports[at : at + 2], key=lambda word: word[1]), reports[at + 2]]
        assert decision[4]
        assert (first[1], second[1]) == (0, 1)
        images.append((first[0], second[0], decision[0]))
    return images, bench.shown


@pytest.mark.parametrize("stalls", [(0, 0), (0.5, 0.5)])
def test_an_output_layer(stalls, record_property):
    """Inputs act on it directly; without spikes there are the initial potentials."""
    images, shown = run([integrate(0, TO_OUTPUT), fire_output(), End()], [1, 0, 7, 20], stalls=stalls)
    assert [image[:2] for image in images] == [(3 * n, 6 * n - 1) for n in (1, 0, 7, 20)]
    assert all(image[2] > 0 for image in images)
    assert [item[0] for _, item in shown] == [1] * 4  # the ends
    record_property("values", 2 * len(images) + len(shown))


@pytest.mark.parametrize("stalls", [(0, 0), (0.5, 0.5)])
def test_inputs_are_read_again(stalls):
    """Without `release` they stay; the last time each place is free as it is read."""
    program = [integrate(0, TO_OUTPUT, release=False), integrate(0, EMPTY, release=False), integrate(0, TO_OUTPUT)]
    spikes = [15, 0, 3, 15, 9]
    images, _ = run([*program, fire_output(), End()], spikes, stalls=stalls, inputs=16)
    assert [image[:2] for image in images] == [(6 * n, 12 * n - 1) for n in spikes]
    # If nobody releases them, they are free at the end.
    images, _ = run([*program[:2], fire_output(), End()], spikes, stalls=stalls, inputs=16)
    assert [image[:2] for image in images] == [(3 * n, 6 * n - 1) for n in spikes]


@pytest.mark.parametrize("row", [TO_OUTPUT, SLOW])
@pytest.mark.parametrize("release", [True, False])
def test_spikes_without_a_place(release, row, record_property):
    """A FIRE waits for places that are going to be free; otherwise spikes are lost, and the image's decision says so."""
    hidden = [integrate(0, EMPTY), fire_hidden(5), integrate(5, row, release=release)]
    images, shown = run([*hidden, fire_output(), End()], [2, 0, 4], spikes=16)
    kept = SPIKES if release else 16
    assert [image[:2] for image in images] == [(kept * LAYER_VALUE, 2 * kept * LAYER_VALUE - 1)] * 3
    assert [image[2] == SPIKES_LOST for image in images] == [not release] * 3
    assert sum(not item[0] for _, item in shown) == 3 * kept
    # With enough room nothing is lost.
    images, shown = run([*hidden, fire_output(), End()], [2, 0, 4], spikes=128)
    assert [image[:2] for image in images] == [(SPIKES * LAYER_VALUE, 2 * SPIKES * LAYER_VALUE - 1)] * 3
    assert all(image[2] > 0 for image in images)
    spikes = [item for _, item in shown if not item[0]]
    assert len(set(spikes[:SPIKES])) == SPIKES
    assert {item[1] for item in spikes} == {2}
    assert {item[-1] for item in spikes} == {5}
    record_property("values", 2 * 3 * 3 + 3 * len(spikes))


@pytest.mark.parametrize("instruction", [Wait(), fire_hidden(6), fire_output()])
def test_nothing_hangs_when_nobody_reads(instruction):
    """The program waits for a FIRE that has no place for its spikes: they are lost."""
    program = [integrate(0, EMPTY), fire_hidden(5), instruction, integrate(5, TO_OUTPUT)]
    if not getattr(instruction, "output", False):
        program.append(fire_output())
    images, _ = run([*program, End()], [1, 2], spikes=16)
    assert [image[2] for image in images] == [SPIKES_LOST] * 2


def test_two_sources_and_tiles():
    """Spikes of two layers stay until they are released; a layer of two tiles is one source."""
    program = [
        integrate(0, EMPTY),
        fire_hidden(1),
        fire_hidden(2, closes=False),
        Wait(),
        fire_hidden(2, opens=False),
        integrate(1, TO_OUTPUT, release=False),
        integrate(2, TO_OUTPUT, release=False),
        integrate(1, TO_OUTPUT),
        integrate(2, TO_OUTPUT),
        fire_output(),
        End(),
    ]
    images, shown = run(program, [3, 1], spikes=256)
    assert [image[:2] for image in images] == [(6 * SPIKES * LAYER_VALUE, 12 * SPIKES * LAYER_VALUE - 1)] * 2
    assert sum(item[-1] == 2 and not item[0] for _, item in shown) == 2 * 2 * SPIKES


def test_cycles(monkeypatch):
    """A spike a cycle, a step a cycle, and few cycles between an INTEGRATE and the FIRE behind it."""
    kept = {}

    def keep(kind):
        class Kept(kind):
            def __init__(self, *arguments):
                super().__init__(*arguments)
                kept[kind] = self

        monkeypatch.setattr(processor_module, kind.__name__, Kept)

    def watching(get, into):
        """Return a background testbench that notes a signal of a part, which is there once the simulation runs."""

        async def testbench(ctx):
            await note(get(), into)(ctx)

        return testbench

    keep(Dispatcher)
    keep(FireSequencer)
    keep(ReadOut)
    calls, steps, begins, offers = [], [], [], []
    background = [
        watching(lambda: kept[Dispatcher].call_valid, calls),
        watching(lambda: kept[FireSequencer].step.kind, steps),
        watching(lambda: kept[ReadOut].begins, begins),
        watching(lambda: kept[ReadOut].o.valid & kept[ReadOut].o.p.decision, offers),
    ]
    # 6 places before the unit, whose 16 neurons are one window: a lane is never crowded.
    hidden = Fire(1, True, True, False, (6, 5, 4), 1, 0, HIDDEN, 6, 4, 4, 4, 0, 4, 4)
    program = [integrate(0, TO_OUTPUT), hidden, integrate(1, TO_OUTPUT), fire_output(), End()]
    images, _ = run(program, [25], background=background)
    call_cycles, step_cycles, begin_cycles, offer_cycles = (
        [cycle for cycle, there in enumerate(noted) if there] for noted in (calls, steps, begins, offers)
    )
    header_words = small(potential_bits=12, potentials=64).shape.header_words
    assert len(call_cycles) == 25 + 2
    assert call_cycles[24] - call_cycles[0] == 24
    fired = 6 + header_words + 16
    assert len(step_cycles) == fired + header_words + 1
    # A cycle between the places before a unit and its header.
    assert step_cycles[fired - 1] - step_cycles[0] == fired
    # From an INTEGRATE's last call to the first step behind it.
    assert step_cycles[0] - call_cycles[24] <= 25
    assert step_cycles[fired] - call_cycles[-1] <= 25
    assert [image[2] for image in images] == [offer_cycles[0] - begin_cycles[0]]
    assert call_cycles[0] - begin_cycles[0] == Dispatcher.latency
