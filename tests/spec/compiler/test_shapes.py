"""The shapes of layers: widths of words and addresses, and sizes out of range."""

from dataclasses import replace

import numpy as np
import pytest

from firstspike_spec import InputError, LatencyEncoder, Maps, Network
from firstspike_spec.common.words import Field, Word
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.shapes import AddressTableShape, LayerShape, OutputShape, index_bits

from ..random_networks import random_layer
from .sizes import HIDDEN, OUTPUT


def test_widths_of_a_good_shape():
    shape = LayerShape(**HIDDEN)
    assert (shape.rows, shape.start_row, shape.banks) == (16, 15, 1)
    assert (shape.neuron_bits, shape.lane_bits, shape.address_bits) == (2, 1, 3)
    assert shape.pointer == Word((Field("start", 4), Field("length_0", 2), Field("length_1", 2)))
    assert shape.entry == Word((Field("neuron", 2), Field("weight", 4, signed=True)))
    single = LayerShape(**{**HIDDEN, "bank_lanes": 1})
    assert single.banks == 2
    assert single.pointer == Word((Field("start", 4), Field("length_0", 2)))
    assert [index_bits(count) for count in (1, 2, 3, 4, 5)] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source_bits": 0}, "source_bits must be in 1 .. 16, not 0"),
        ({"source_bits": 17}, "source_bits must be in 1 .. 16, not 17"),
        ({"lanes": 0}, "lanes must be in 1 .. 256, not 0"),
        ({"lanes": 257}, "lanes must be in 1 .. 256, not 257"),
        ({"bank_lanes": 0}, "bank_lanes must be in 1 .. 2, not 0"),
        ({"bank_lanes": 3}, "bank_lanes must be in 1 .. 2, not 3"),
        ({"lanes": 5}, "lanes must be a multiple of bank_lanes = 2, not 5"),
        ({"lane_neurons": 0}, "lane_neurons must be in 1 .. 65536, not 0"),
        ({"bank_entries": 0}, "bank_entries must be in 1 .. 262144, not 0"),
        ({"bank_entries": (1 << 18) + 1}, "bank_entries must be in 1 .. 262144"),
        ({"row_entries": 0}, "row_entries must be in 1 .. 65536, not 0"),
        ({"row_entries": (1 << 16) + 1}, "row_entries must be in 1 .. 65536, not 65537"),
        ({"weight_bits": 17}, "weight_bits must be in 1 .. 16, not 17"),
        ({"potential_bits": 33}, "potential_bits must be in 1 .. 32, not 33"),
        ({"lanes": 2, "lane_neurons": 1 << 15}, "width of a neuron's address must be in 1 .. 16, not 17"),
        (
            {"row_entries": 128, "bank_entries": 1 << 18},
            "the pointer word would have 34 bits; at most 32 can be loaded: use more",
        ),
    ],
)
def test_bad_shapes(changes, message):
    with pytest.raises(InputError, match=message):
        LayerShape(**{**HIDDEN, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source_bits": 0}, "source_bits must be in 1 .. 16, not 0"),
        ({"source_bits": 17}, "source_bits must be in 1 .. 16, not 17"),
        ({"neurons": 0}, "neurons of the output layer must be in 1 .. 1024, not 0"),
        ({"neurons": 1025}, "neurons of the output layer must be in 1 .. 1024, not 1025"),
        ({"neurons": 257, "weight_bits": 16}, "neurons of the output layer must be in 1 .. 256, not 257"),
        ({"weight_bits": 0}, "weight_bits must be in 1 .. 16, not 0"),
        ({"weight_bits": 17}, "weight_bits must be in 1 .. 16, not 17"),
        ({"potential_bits": 0}, "potential_bits must be in 1 .. 32, not 0"),
        ({"potential_bits": 33}, "potential_bits must be in 1 .. 32, not 33"),
    ],
)
def test_bad_output_shapes(changes, message):
    with pytest.raises(InputError, match=message):
        OutputShape(**{**OUTPUT, **changes})


def test_what_an_address_table_leaves_no_number_for():
    """Its load words have the number after the last bank or slice, which must be below 256."""
    generator = np.random.default_rng(0)
    maps = Maps(1, 2, 2, 1, 1)
    network = Network(
        LatencyEncoder.linear(4), [random_layer(generator, 1, 256, maps=maps), random_layer(generator, 1024, 2)], (2, 2)
    )
    with pytest.raises(InputError, match="with an address table, banks must be fewer than 256"):
        plan(network, 256, bank_lanes=1)
    shape = plan(network, 256)
    assert len(compile_network(network, shape).digest) == 64
    address_table = AddressTableShape(places=4, lane_bits=8, row_bits=2, base_bits=1)
    with pytest.raises(InputError, match=r"base_bits of the output layer's address table must be in 0 \.\. 0, not 1"):
        replace(shape.output, address_table=address_table)
    with pytest.raises(InputError, match="neurons of the output layer must be in 1"):
        replace(shape.output, neurons=256 * shape.output.slice_neurons, address_table=replace(address_table, base_bits=0))
