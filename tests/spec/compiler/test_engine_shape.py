"""The shape of an engine: layers that fit together, and its description as a dictionary."""

import json
from dataclasses import replace

import pytest

from firstspike_spec import InputError, InputTypeError
from firstspike_spec.common.words import Field, Word
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.shapes import LayerShape, OutputShape

from ..random_networks import random_network
from .sizes import HIDDEN, OUTPUT


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": (LayerShape(**HIDDEN),) * 16}, "number of layers must be in 1 .. 16, not 17"),
        ({"spikes_per_token": 0}, "spikes_per_token must be in 1 .. 2, not 0"),
        ({"spikes_per_token": 3}, "spikes_per_token must be in 1 .. 2, not 3"),
        ({"time_steps": 1}, "time_steps must be in 2 .. 256, not 1"),
        ({"time_steps": 257}, "time_steps must be in 2 .. 256, not 257"),
        ({"queue_depth": 4}, "queue_depth must be in 8 .. 64, not 4"),
        ({"queue_depth": 128}, "queue_depth must be in 8 .. 64, not 128"),
        ({"queue_depth": 24}, "queue_depth must be a power of two, not 24"),
        (
            {"layers": (LayerShape(**HIDDEN),) * 2},
            "layer 1 must have source_bits = 3, the width of layer 0's addresses, not 4",
        ),
        (
            {"output": OutputShape(**{**OUTPUT, "source_bits": 2})},
            "layer 1 must have source_bits = 3, the width of layer 0's addresses, not 2",
        ),
    ],
)
def test_bad_engine_shapes(changes, message):
    good = {"layers": (LayerShape(**HIDDEN),), "output": OutputShape(**OUTPUT), "spikes_per_token": 2, "time_steps": 4}
    assert EngineShape(**good).queue_depth == 16
    with pytest.raises(InputError, match=message):
        EngineShape(**{**good, **changes})


@pytest.mark.parametrize("kind", ["spikes_per_token", "time_steps", "queue_depth"])
def test_sizes_are_whole_numbers(kind):
    with pytest.raises(InputTypeError, match=f"{kind} must be a whole number, not 2.0"):
        replace(plan(random_network(0, (3, 2))), **{kind: 2.0})


def test_the_input_word():
    shape = plan(random_network(0, (9, 5, 3)))
    ports = (Field("address_0", 4), Field("valid_0", 1), Field("address_1", 4), Field("valid_1", 1))
    assert shape.source_bits == shape.layers[0].source_bits == 4
    assert shape.input_word == Word((*ports, Field("end", 1)))
    assert replace(shape, spikes_per_token=1).input_word == Word((*ports[:2], Field("end", 1)))
    assert plan(random_network(0, (9, 3)), spikes_per_token=1).input_word == Word((*ports[:2], Field("end", 1)))


@pytest.mark.parametrize("sizes", [(5, 3), (5, 4, 3), (5, 6, 7, 3)])
def test_shapes_as_dictionaries(sizes):
    shape = plan(random_network(0, sizes), 2)
    assert EngineShape.from_dict(shape.as_dict()) == shape
    assert EngineShape.from_dict(json.loads(json.dumps(shape.as_dict()))).digest == shape.digest
    others = [
        replace(shape, queue_depth=8),
        replace(shape, spikes_per_token=1),
        replace(shape, time_steps=5),
        replace(shape, output=replace(shape.output, neurons=4)),
    ]
    assert len({other.digest for other in (shape, *others)}) == 5


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: {},
        lambda facts: [],
        lambda facts: None,
        lambda facts: {**facts, "layers": None},
        lambda facts: {**facts, "layers": [{"lanes": 1}]},
        lambda facts: {**facts, "layers": [{**facts["layers"][0], "lane_entries": 4}]},
        lambda facts: {**facts, "output": {}},
        lambda facts: {**facts, "output": 5},
        *(
            lambda facts, left_out=left_out: {name: value for name, value in facts.items() if name != left_out}
            for left_out in ("layers", "output", "spikes_per_token", "time_steps", "queue_depth")
        ),
    ],
)
def test_dictionaries_that_do_not_describe_an_engine(change):
    facts = plan(random_network(0, (5, 4, 3))).as_dict()
    with pytest.raises(InputTypeError, match="not the description of an engine"):
        EngineShape.from_dict(change(facts))
