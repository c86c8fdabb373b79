"""A processor's program and memories give the golden model's results, in every shape; what does not fit is refused."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import (
    InputCode,
    InputError,
    InputTypeError,
    LayeredLayer,
    LayeredNetwork,
    Projection,
    compile_layered,
    linear_kernel,
    plan_processor,
)
from firstspike_spec.processor.instructions import Fire, Integrate, Wait

from ...levels import THOROUGH
from ..random_layered_networks import layered_networks, random_chain, random_layered_map_network, with_layered_activity
from ..random_networks import random_network
from .processors import check_runs, convolution, dense_convolutions, network_of, shapes_for

EXAMPLES = 3000 if THOROUGH else 250


networks = layered_networks(max_side=8, max_channels=7) | dense_convolutions()


def options(contents):
    """Yield what a program does that not every program does."""
    program = contents.instructions
    for index, instruction in enumerate(program):
        if isinstance(instruction, Wait):
            yield "wait"
        if isinstance(instruction, Fire):
            yield f"{1 << instruction.slots_log2} slots"
            if instruction.pooling > 1 and instruction.slots_log2:
                yield "slots of windows"
            if not instruction.closes:
                yield "tiles"
            if instruction.first:
                yield "high end"
            if index and not instruction.first and isinstance(program[index - 1], Integrate):
                yield "low end"
        if isinstance(instruction, Integrate):
            yield "released" if instruction.release else "kept"
    if any((units < 0).any() for units in contents.units):
        yield "lanes without a unit"


def test_random_networks_in_random_shapes(record_property):
    compared = 0

    @given(st.data(), networks, st.integers(0, 2**32 - 1), st.booleans())
    @settings(max_examples=EXAMPLES, deadline=None)
    def compare(data, network, seed, active):
        nonlocal compared
        network = with_layered_activity(network, seed) if active else network
        contents = compile_layered(network, data.draw(shapes_for(network)))
        compared += check_runs(network, contents, seed)

    compare()
    assert compared > 30 * EXAMPLES
    record_property("values", compared)


def test_the_strategies_reach_every_option():
    seen = Counter()

    @given(st.data(), networks)
    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    def look(data, network):
        seen.update(set(options(compile_layered(network, data.draw(shapes_for(network))))))

    look()
    assert set(seen) == {
        "1 slots", "2 slots", "4 slots", "slots of windows", "tiles", "wait", "high end", "low end", "released", "kept",
        "lanes without a unit",
    }  # fmt: skip
    assert min(seen.values()) >= 3


@pytest.mark.parametrize("lanes", [1, 6, 16])
def test_a_network_of_thousands_of_neurons(lanes, record_property):
    network = random_layered_map_network(5, (3, 24, 20), outputs=10, connectivity=0.4)
    contents = compile_layered(network, plan_processor(network, lanes))
    record_property("values", check_runs(network, contents, 1, batch=2))


@given(st.data(), layered_networks())
@settings(max_examples=60, deadline=None)
def test_the_same_network_gives_the_same_words(data, network):
    shape = data.draw(shapes_for(network))
    assert compile_layered(network, shape).digest == compile_layered(network, shape).digest


def fires(contents):
    return [instruction for instruction in contents.instructions if isinstance(instruction, Fire)]


@pytest.mark.parametrize(("lanes", "slots"), [(1, 1), (3, 1), (4, 4), (6, 2), (8, 2), (12, 4), (40, 4)])
def test_slots_keep_lanes_busy(lanes, slots):
    """A layer of three channels gets more slots where it then has less to do in its busiest lane.

    With 4 lanes and 2 slots, two of the lanes would have as much to do as before, and with 8 lanes and 4 slots as with 2.
    """
    network = network_of([convolution(3, (1, 12, 12))], (1, 12, 12))
    planned = plan_processor(network, lanes)
    roomy = replace(planned, entries=4096, rows=2048, row_entries=64)
    assert [1 << fire.slots_log2 for fire in fires(compile_layered(network, roomy))] == [slots, 1]
    assert check_runs(network, compile_layered(network, roomy), 1) > 0


@pytest.mark.parametrize(("size", "slots_log2"), [("entries", 1), ("rows", 0)])
def test_no_more_slots_than_fit(size, slots_log2):
    """Two slots take twice the entries, in lanes that have none of the output layer's; four are too many."""
    network = network_of([convolution(3, (1, 12, 12), max_pooling=2)], (1, 12, 12))
    planned = plan_processor(network, 12)
    roomy = replace(planned, entries=4096, rows=2048)
    assert fires(compile_layered(network, roomy))[0].slots_log2 == 2
    contents = compile_layered(network, replace(roomy, **{size: getattr(planned, size)}))
    assert fires(contents)[0].slots_log2 == slots_log2


def test_a_unit_too_large_for_a_lane_gets_slots():
    network = network_of([convolution(3, (1, 12, 12))], (1, 12, 12))
    shape = replace(plan_processor(network, 1), potentials=110, rows=4096, entries=4096, inputs=256, program=256)
    assert [(1 << fire.slots_log2, fire.units, fire.closes) for fire in fires(compile_layered(network, shape))] == [
        *[(2, 1, False)] * 5, (2, 1, True), (1, 2, True),
    ]  # fmt: skip
    assert check_runs(network, compile_layered(network, shape), 1) > 0


def test_tiles_alternate_between_the_ends_or_wait():
    """33 neurons on a lane with places for 16: three tiles of 11, then the 3 outputs, which fit beside the last tile."""
    network = random_chain(1, (5, 33, 3))
    shape = replace(plan_processor(network, 1), potentials=16, rows=256, entries=1024, inputs=16)
    contents = compile_layered(network, shape)
    assert [(fire.first, fire.units) for fire in fires(contents)] == [(0, 11), (5, 11), (0, 11), (13, 3)]
    kinds = [type(instruction).__name__ for instruction in contents.instructions]
    assert kinds == ["Integrate", "Fire", *["Wait", "Integrate", "Fire"] * 2, "Integrate", "Fire", "End"]
    assert [instruction.release for instruction in contents.instructions if isinstance(instruction, Integrate)] == [
        False, False, True, True,
    ]  # fmt: skip
    check_runs(network, contents, 3)


def test_sources_are_released_when_they_and_all_older_ones_are_done_with():
    """Layer 3 reads sources 2 and 1, in this order, after source 3: only source 1's spikes, the oldest, are released there."""
    ones = np.ones((2, 2), int)

    def layer(*sources):
        return LayeredLayer([Projection.from_dense(source, ones, 2) for source in sources], [0, 0], [2, 1])

    network = LayeredNetwork(
        InputCode(linear_kernel(2)), linear_kernel(2), [layer(0), layer(1), layer(2, 0), layer(3, 2, 1)], (2, 1, 1)
    )
    contents = compile_layered(network, plan_processor(network, 2))
    reads = [(part.source, part.release) for part in contents.instructions if isinstance(part, Integrate)]
    assert reads == [(0, False), (1, False), (2, False), (0, True), (3, False), (2, False), (1, True)]
    check_runs(network, contents, 3)


SIZES = (
    "potentials", "potential_bits", "entries", "weight_bits", "value_bits", "rows", "row_entries", "channel_bits", "side_bits",
    "coordinates", "program",
)  # fmt: skip


def large_network():
    """Return a network that needs more than the least of each size; the largest layer has one unit in each of 8 lanes."""
    first = convolution(8, (2, 18, 18), max_pooling=2)
    network = network_of([first, convolution(8, first.spike_shape, source=1)], (2, 18, 18))
    layers = [reading_twice(layer) for layer in network.layers]
    return replace(network, layers=layers, kernel=np.arange(20, 4, -1), input_code=InputCode([5, 1]))


def reading_twice(layer):
    """Return a layer that reads its source twice, with weights of 4 bits, and has 16 steps."""
    part = layer.projections[0]
    other = Projection.from_dense(part.source, part.dense() * 5, 4, maps=part.maps)
    return LayeredLayer([part, other], layer.initial_potentials, np.arange(16, 0, -1), layer.max_pooling)


@pytest.mark.parametrize("size", SIZES)
def test_one_less_of_any_size_is_refused(size):
    network = large_network()
    shape = plan_processor(network, 8)
    needed = getattr(shape, size)
    message = (
        rf"^the network does not fit the processor: (.*; |.*, )?it needs {needed} [a-z ]+, the processor has {needed - 1};"
    )
    with pytest.raises(InputError, match=message):
        compile_layered(network, replace(shape, **{size: needed - 1}))
    assert check_runs(network, compile_layered(network, shape), 1) > 0


def test_too_few_potentials_for_the_rows_of_several_tiles():
    """The error also says how many potentials would do, for then fewer rows and entries do."""
    network = random_chain(1, (5, 33, 3))
    shape = plan_processor(network, 1)
    message = (
        "it needs 43 rows in a lane, the processor has 38; to run each layer at once, it needs 33 potentials in a lane, the "
        "processor has 32; take"
    )
    with pytest.raises(InputError, match=message):
        compile_layered(network, replace(shape, potentials=32))


def test_inputs_that_are_read_twice_must_fit():
    network = large_network()
    shape = plan_processor(network, 8)
    assert (network.inputs, shape.inputs) == (648, 1024)
    message = "it needs 649 places for inputs, the processor has 512; take a larger processor, or prune the network$"
    with pytest.raises(InputError, match=message):
        compile_layered(network, replace(shape, inputs=512))
    once = replace(random_chain(0, (700, 3, 2)), input_shape=(70, 10))
    assert plan_processor(once, 2).inputs == 16


def test_one_error_names_all_that_does_not_fit():
    network = large_network()
    shape = plan_processor(network, 8)
    small = replace(shape, rows=shape.rows - 7, entries=shape.entries - 3, inputs=16, weight_bits=3)
    with pytest.raises(InputError) as caught:
        compile_layered(network, small)
    assert re.findall(r"needs (\d+) ([a-z ]+), the processor has (\d+)", str(caught.value)) == [
        ("4", "bits for a weight", "3"),
        (str(shape.rows), "rows in a lane", str(small.rows)),
        ("649", "places for inputs", "16"),
        (str(shape.entries), "entries in a lane", str(small.entries)),
    ]


def test_what_no_processor_runs():
    chain = [convolution(1, (1, 2, 2), source=source) for source in range(32)]
    shape = plan_processor(large_network(), 8)
    deep = network_of(chain, (1, 2, 2))
    for network, message in (
        (deep, "it has 33 sources of spikes, the input and the hidden layers; a processor has 32"),
        (wide_network(), "layer 0 needs 601 places in a row of a unit, a processor has at most 511"),
    ):
        with pytest.raises(InputError, match=f"^the network does not fit the processor: {message}"):
            compile_layered(network, shape)
        with pytest.raises(InputError, match=f"^no processor with 3 lanes runs this network: {message}"):
            plan_processor(network, 3)


def wide_network():
    """Return a network with a map of 600 columns, of which max pooling leaves 200."""
    return network_of([convolution(1, (1, 3, 600), max_pooling=3)], (1, 3, 600))


def test_an_output_layer_of_maps_is_refused():
    layer = convolution(3, (1, 4, 4))
    network = LayeredNetwork(InputCode(linear_kernel(2)), linear_kernel(2), [layer], (1, 4, 4))
    for refuse in (lambda: compile_layered(network, plan_processor(large_network(), 8)), lambda: plan_processor(network, 2)):
        with pytest.raises(InputError, match="its output layer is a convolution with 16 neurons a class; add a fully"):
            refuse()


def test_only_layered_networks_are_compiled():
    network = random_network(0, (3, 2))
    with pytest.raises(InputTypeError, match="a LayeredNetwork is wanted, not one that is step"):
        compile_layered(network, plan_processor(large_network(), 8))
    with pytest.raises(InputTypeError, match="a LayeredNetwork is wanted"):
        plan_processor(network, 2)
