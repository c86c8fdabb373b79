"""The model of the processor: by hand-made programs, it does what the design says, and refuses what no program may do."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import compile_layered, plan_processor
from firstspike_spec.common.words import LOAD_WORD, Memory
from firstspike_spec.processor import model
from firstspike_spec.processor.instructions import End, Fire, Integrate, Wait
from firstspike_spec.processor.model import ProcessorModel
from firstspike_spec.processor.shape import ProcessorShape
from firstspike_spec.processor.spike_memory import SpikeMemory
from firstspike_spec.processor.spikes import input_words

from ..random_layered_networks import layered_networks, random_chain, random_layered_times
from .processors import shapes_for

SHAPE = ProcessorShape(
    lanes=2,
    potentials=32,
    potential_bits=10,
    entries=64,
    weight_bits=4,
    value_bits=3,
    rows=16,
    row_entries=7,
    queue_depth=8,
    channel_bits=3,
    side_bits=3,
    spikes=16,
    inputs=16,
    coordinates=16,
    program=64,
)

FIRE = Fire(
    source=0,
    opens=True,
    closes=True,
    output=True,
    thresholds=(30, 20, 10),
    units=1,
    header=0,
    first=0,
    lead=0,
    pitch=1,
    unit_rows=1,
    pooling=1,
    slots_log2=0,
    fired_rows=1,
    fired_columns=1,
)


def load(program, *, headers=((), ()), rows=({}, {})):
    """Return load words: each lane's headers, then its rows (number: list of (offset, weight)); the kernels count 7, 6 ...

    The tables add x to the row, and 8 * y to the base; the row and column 7 are not seen.
    """
    words = []

    def add(layer, lane, memory, values):
        values = np.array(values, np.uint64)
        words.append(LOAD_WORD.pack(data=values, address=np.arange(len(values)), memory=memory, lane=lane, layer=layer))

    sides = np.arange(8)
    add(1, 0, Memory.ENTRIES, np.concatenate([instruction.words() for instruction in program]))
    add(1, 1, Memory.ENTRIES, np.concatenate([np.maximum(7 - np.arange(32), 0), np.maximum(4 - np.arange(32), 0)]))
    add(1, 2, Memory.ENTRIES, SHAPE.coordinate.pack(seen=sides < 7, row=0, base=8 * sides % 32))
    add(1, 3, Memory.ENTRIES, SHAPE.coordinate.pack(seen=sides < 7, row=sides, base=0))
    for lane in range(2):
        entries, pointers = [], [0] * 16
        for exists, channel, slot, initial in headers[lane]:
            word = int(SHAPE.header.pack(exists=exists, channel=channel, slot=slot, initial=initial))
            entries += [word >> (9 * part) & 511 for part in range(SHAPE.header_words)]
        for row, found in rows[lane].items():
            pointers[row] = int(SHAPE.pointer.pack(start=len(entries), length=len(found)))
            entries += [int(SHAPE.entry.pack(offset=offset, weight=weight)) for offset, weight in found]
        add(0, lane, Memory.POINTERS, pointers)
        add(0, lane, Memory.ENTRIES, entries)
    return np.concatenate(words)


def image(*spikes):
    """Return the words of spikes (channel, y, x, step), and of the end."""
    words = [SHAPE.spike.pack(end=0, step=step, x=x, y=y, channel=channel) for channel, y, x, step in spikes]
    return np.array([*words, SHAPE.spike.pack(end=1, step=0, x=0, y=0, channel=0)], np.uint64)


def test_a_spike_adds_its_value_times_the_weights_of_its_row():
    """Row 1 + 2 * channel + x, base 8 * y: potentials 3 and 11 of lane 0 and 2 of lane 1, which is fired as a pooled map."""
    program = [Integrate(0, True, 1, 2, 0, 0), replace(FIRE, units=1, first=2, pitch=2, unit_rows=1, fired_columns=2), End()]
    rows = ({3: [(3, 2), (11, -8)], 4: [(3, 7)]}, {3: [(2, 5)]})
    processor = ProcessorModel(SHAPE, load(program, headers=([(1, 4, 0, -100)], [(1, 1, 0, 6)]), rows=rows))
    run = processor.run(image((1, 0, 0, 0), (1, 0, 1, 2), (0, 7, 0, 0), (0, 0, 7, 0), (5, 0, 0, 0)))
    # Lane 0: 3 gets 2 * 7 + 7 * 5 = 49; lane 1: 2 gets 5 * 7 = 35.
    totals = sorted(run.outputs[:, :2].tolist())
    assert totals == [[1, 6], [1, 41], [4, -100], [4, -51]]
    assert run.synaptic_operations == 4
    assert processor.potentials[0, 11] == -56
    assert (run.output_class, run.decision_step) == (1, 0)


def test_addresses_and_sums_wrap():
    program = [Integrate(0, True, 0, 0, 0, 0), replace(FIRE, first=1), End()]
    rows = ({0: [(17, 7)]}, {})
    run = ProcessorModel(SHAPE, load(program, headers=([(1, 0, 0, 500)], ()), rows=rows)).run(image((0, 2, 0, 0)))
    assert run.outputs.tolist() == [[0, 500 + 49 - 1024, 2, 0]]


def fired_by(fire, potentials, headers):
    """Return the spikes of a FIRE on given potentials of both lanes, and what is left of these."""
    processor = ProcessorModel(SHAPE, load([replace(fire, source=3, output=False), END_FIRE, End()], headers=headers))
    processor.potentials[:, : len(potentials[0])] = potentials
    run = processor.run(image())
    return sorted(map(tuple, run.spikes[3].tolist())), processor.potentials


#: An output layer of one neuron, so that a program has a decision. It is at the end of the potentials.
END_FIRE = replace(FIRE, first=31, header=0)


def test_the_largest_of_a_window_fires_and_all_places_are_cleared():
    """Two units of 3 x 3 places, windows of 2 x 2, of which one is complete; a lead of one place."""
    fire = replace(FIRE, units=2, first=2, lead=1, pitch=3, unit_rows=3, pooling=2)
    potentials = np.zeros((2, 32), np.int64)
    potentials[:, 2:21] = 9
    potentials[0, 7] = 29  # unit 0, row 1, column 1
    potentials[0, 5] = 500  # column 2: its window is not complete
    potentials[1, 12] = 25  # unit 1, row 0, column 0
    spikes, left = fired_by(fire, potentials, ([(1, 5, 0, 1), (1, 6, 0, 0)], [(0, 0, 0, 0), (1, 7, 0, -5)]))
    assert spikes == [(5, 0, 0, 0), (7, 0, 0, 1)]
    assert not left[:, 2:21].any()


def test_slots_have_every_other_row():
    """Five rows of windows in two slots: the third row of slot 1 would be row 5."""
    fire = replace(FIRE, pitch=1, unit_rows=3, slots_log2=1, fired_rows=5)
    potentials = np.full((2, 31), 20)
    spikes, _left = fired_by(fire, potentials, ([(1, 2, 0, 0)], [(1, 2, 1, 0)]))
    assert spikes == [(2, y, 0, 1) for y in range(5)]


def test_potentials_that_still_fire_must_not_be_added_to():
    fire, integrate = replace(FIRE, source=1, output=False), Integrate(0, False, 0, 0, 0, 0)
    load_words = {
        wait: load([integrate, fire, *wait, integrate, FIRE, End()], headers=([(1, 0, 0, 0)], ()), rows=({0: [(0, 1)]}, {}))
        for wait in ((), (Wait(),))
    }
    with pytest.raises(RuntimeError, match=r"adds to potentials of range\(0, 1\) in lane 0 while they may still fire"):
        ProcessorModel(SHAPE, load_words[()]).run(image((0, 0, 0, 0)))
    assert ProcessorModel(SHAPE, load_words[Wait(),]).run(image((0, 0, 0, 0))).outputs.tolist() == [[0, 7, 2, 0]]


def test_addresses_beyond_the_potentials():
    small = replace(SHAPE, potentials=31)
    words = load([Integrate(0, True, 0, 0, 0, 0), FIRE, End()], headers=([(1, 0, 0, 0)], ()), rows=({0: [(31, 1)]}, {}))
    with pytest.raises(RuntimeError, match="adds to potential 31 of 31 in lane 0"):
        ProcessorModel(small, words).run(image((0, 0, 0, 0)))
    words = load([replace(FIRE, first=30, unit_rows=2), End()], headers=([(1, 0, 0, 0)], ()))
    with pytest.raises(RuntimeError, match="clears potentials up to 32 of 31"):
        ProcessorModel(small, words).run(image())


def test_spikes_without_room_are_dropped_unless_they_are_released_meanwhile():
    """20 neurons that always fire, and a spike memory of 16 places."""
    network = random_chain(0, (3, 20, 2))
    first = network.layers[0]
    network = replace(
        network,
        layers=(replace(first, initial_potentials=first.initial_potentials + 10000, potential_bits=None), network.layers[1]),
    )
    shape = replace(plan_processor(network, 1), spikes=16)
    times = random_layered_times(0, network, 1)
    for potentials, dropped in ((20, 4), (22, 0)):
        contents = compile_layered(network, replace(shape, potentials=potentials))
        run = ProcessorModel(contents.shape, contents.load_words()).run(input_words(contents.shape, network, times))
        assert run.dropped == dropped
        assert len(run.spikes[1]) == 20 - dropped
        assert contents.may_overflow == (dropped > 0)


def test_a_ring_of_spikes_by_hand():
    memory = SpikeMemory(10)
    fire = {source: replace(FIRE, source=source, output=False) for source in (1, 2, 3, 4)}
    read = {source: Integrate(source, False, 0, 0, 0, 0) for source in (0, 1, 2, 3)}
    release = {source: replace(read[source], release=True) for source in read}
    assert memory.fire(fire[1], 4, read[1]) == 4
    memory.integrate(read[1])
    assert memory.fire(fire[2], 5, release[0]) == 5
    memory.integrate(release[0])  # frees inputs only
    assert memory.fire(fire[3], 3, Wait()) == 1
    memory.integrate(release[1])
    assert memory.fire(fire[3], 6, read[0]) == 4
    assert memory.fire(fire[4], 6, release[2]) == 5
    memory.integrate(release[3])
    assert memory.fire(fire[4], 6, read[0]) == 5
    memory.end()
    assert memory.fire(fire[1], 12, read[1]) == 10
    assert memory.fire(fire[2], 100, release[2]) == 100


@given(st.data(), layered_networks())
@settings(max_examples=40, deadline=None)
def test_decoding_a_program_gives_its_instructions(data, network):
    contents = compile_layered(network, data.draw(shapes_for(network)))
    assert tuple(model._decoded(contents.program)) == contents.instructions
