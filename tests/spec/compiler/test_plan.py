"""Plans: the smallest engine that holds a network."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import InputError, InputTypeError
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan

from ..random_networks import networks, random_network


@given(networks(), st.integers(1, 4), st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_no_size_of_a_plan_can_be_smaller(network, banks, bank_lanes):
    shape = plan(network, banks * bank_lanes, bank_lanes=bank_lanes)
    contents = compile_network(network, shape)
    for index, has in enumerate(shape.layers):
        assert has.bank_entries == max(1, *(len(bank.entries) for bank in contents.banks[index]))
        lengths = [
            has.pointer.unpack(bank.pointers)[f"length_{lane}"].max()
            for bank in contents.banks[index]
            for lane in range(bank_lanes)
        ]
        assert has.row_entries == max(1, *lengths)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lanes": 0}, InputError, "lanes must be in 1 .. 256, not 0"),
        ({"lanes": 257}, InputError, "lanes must be in 1 .. 256, not 257"),
        ({"lanes": [2, 0]}, InputError, "lanes must be in 1 .. 256, not 0"),
        (
            {"lanes": [1, 2, 3]},
            InputError,
            r"lanes must be one number or one for each of the 2 hidden layers, not \[1, 2, 3\]",
        ),
        ({"lanes": []}, InputError, r"lanes must be one number or one for each of the 2 hidden layers, not \[\]"),
        ({"lanes": [1, 2.0]}, InputTypeError, "lanes must be a whole number, not 2.0"),
        ({"lanes": True}, InputTypeError, "lanes must be a whole number, not True"),
        ({"bank_lanes": 0}, InputError, "bank_lanes must be in 1 .. 2, not 0"),
        ({"bank_lanes": 3}, InputError, "bank_lanes must be in 1 .. 2, not 3"),
        ({"lanes": 3, "bank_lanes": 2}, InputError, "lanes must be a multiple of bank_lanes = 2, not 3"),
        ({"spikes_per_token": 3}, InputError, "spikes_per_token must be in 1 .. 2, not 3"),
        ({"queue_depth": 4}, InputError, "queue_depth must be in 8 .. 64, not 4"),
    ],
)
def test_bad_plans(options, error, message):
    with pytest.raises(error, match=message):
        plan(random_network(0, (6, 5, 4, 3)), **options)


def test_a_network_of_one_layer_has_no_lanes():
    network = random_network(0, (4, 3))
    assert plan(network, 5) == plan(network, []) == plan(network)
    assert plan(network).layers == ()
    with pytest.raises(InputError, match=r"one for each of the 0 hidden layers, not \[2\]"):
        plan(network, [2])
    with pytest.raises(InputError, match=r"lanes must be in 1 \.\. 256, not 0"):
        plan(network, 0)


@pytest.mark.parametrize(
    ("sizes", "lanes", "message"),
    [
        ((1 << 16, 2), 1, "no engine holds this network: it has 65,536 inputs, an engine at most 65,535"),
        ((1, 1 << 16, 1), 16, "width of a neuron's address must be in 1 .. 16, not 17"),
        ((1, 4097), 16, "neurons of the output layer must be in 1 .. 1024, not 4097"),
        ((2,) * 18, 1, "no engine holds this network: it has 17 layers, an engine at most 16"),
    ],
)
def test_networks_larger_than_any_engine(sizes, lanes, message):
    network = random_network(0, sizes, connectivity=0.0)
    with pytest.raises(InputError, match=message):
        plan(network, lanes)
