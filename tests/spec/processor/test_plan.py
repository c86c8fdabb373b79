"""The smallest processor for a network: the network fits, and with less of any size it does not."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import InputError, InputTypeError, compile_layered, plan_processor
from firstspike_spec.processor.instructions import Fire
from firstspike_spec.processor.shape import ProcessorShape

from ..random_layered_networks import layered_networks, random_chain, random_layered_map_network
from .processors import check_runs, convolution, network_of

#: The least that each size can be.
LEAST = {
    "potential_bits": 8, "entries": 16, "weight_bits": 2, "value_bits": 1, "rows": 16, "row_entries": 1, "channel_bits": 1,
    "side_bits": 1, "coordinates": 16, "program": 64,
}  # fmt: skip


def test_one_less_of_any_size_is_too_little(record_property):
    refused, compared = dict.fromkeys(LEAST, 0), 0

    @given(layered_networks(max_side=7), st.integers(1, 9), st.integers(0, 2**32 - 1))
    @settings(max_examples=80, deadline=None)
    def compare(network, lanes, seed):
        nonlocal compared
        shape = plan_processor(network, lanes)
        contents = compile_layered(network, shape)
        assert not contents.may_overflow
        assert all(fire.opens and fire.closes for fire in contents.instructions if isinstance(fire, Fire))
        compared += check_runs(network, contents, seed, batch=1)
        for size, least in LEAST.items():
            needed = getattr(shape, size)
            if needed > least:
                with pytest.raises(InputError, match=f" {needed} .*, the processor has {needed - 1};"):
                    compile_layered(network, replace(shape, **{size: needed - 1}))
                refused[size] += 1
        if shape.spikes > 16:
            assert compile_layered(network, replace(shape, spikes=shape.spikes // 2)).may_overflow
        if shape.inputs > 16:
            with pytest.raises(InputError, match=f"needs {network.inputs + 1} places for inputs"):
                compile_layered(network, replace(shape, inputs=shape.inputs // 2))

    compare()
    assert all(count for count in refused.values())
    record_property("values", compared)


def test_less_potentials_are_refused_or_take_more_rows():
    network = random_layered_map_network(0)
    for lanes, tiles in ((1, 2), (8, 0)):
        shape = plan_processor(network, lanes)
        less = replace(shape, potentials=shape.potentials - 1)
        with pytest.raises(InputError, match=f"it needs {shape.potentials} potentials in a lane, the processor has"):
            compile_layered(network, less)
        if tiles:
            contents = compile_layered(network, replace(less, rows=200, program=200))
            assert sum(not fire.closes for fire in contents.instructions if isinstance(fire, Fire)) == 1
            check_runs(network, contents, 1)


def test_a_layer_too_large_for_any_lane_takes_tiles(record_property):
    """Eight maps of 90 by 90 have 64,800 neurons, and more than 65,536 places with those beyond the edges."""
    network = network_of([convolution(8, (1, 90, 90), max_pooling=2)], (1, 90, 90))
    shape = plan_processor(network, 1)
    contents = compile_layered(network, shape)
    assert [fire.units for fire in contents.instructions if isinstance(fire, Fire)] == [4, 4, 2]
    assert shape.potentials == 1 + 91 + 4 * 91 * 91
    record_property("values", check_runs(network, contents, 1, batch=1))


def test_a_network_that_no_processor_runs():
    network = replace(random_chain(0, (1 << 16, 1, 2)), input_shape=(256, 256))
    message = (
        r"^no processor with 2 lanes runs this network: rows must be in 16 \.\. 65536, not 65537; take another number of "
        "lanes, or make the network smaller$"
    )
    with pytest.raises(InputError, match=message):
        plan_processor(network, 2)


def test_options():
    network = random_chain(0, (5, 4, 3))
    assert plan_processor(network, 3, queue_depth=32).queue_depth == 32
    assert plan_processor(network, 3).queue_depth == 16
    assert plan_processor(network, 3).lanes == 3
    with pytest.raises(InputError, match=r"lanes must be in 1 \.\. 255, not 256"):
        plan_processor(network, 256)
    with pytest.raises(InputTypeError, match="lanes must be a whole number"):
        plan_processor(network, 2.0)
    with pytest.raises(InputError, match="queue_depth must be a power of two, not 9"):
        plan_processor(network, 2, queue_depth=9)


def test_a_shape_comes_back_from_its_description():
    shape = plan_processor(random_chain(0, (5, 4, 3)), 2)
    assert ProcessorShape.from_dict(shape.as_dict()) == shape
    with pytest.raises(InputTypeError, match="not the description of a processor: it must have channel_bits"):
        ProcessorShape.from_dict({"lanes": 2})
