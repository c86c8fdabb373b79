"""The layer: queues, lanes and collector together, against the lanes' software model."""

import pytest

from firstspike_hw.layer import Layer
from firstspike_spec.words import LOAD_WORD, Memory

from .bench import STALLS, load_word, note, peek, receiver, sender, simulate, watch
from .models import in_steps, layer_outputs, random_image, random_tokens, words_in


def run(shape, images, tokens, count, *, reports, stalls=(0, 0), load=None):
    dut = Layer(shape, queue_depth=2, reports=reports, images=None if load is not None else images)
    got, operations, done = [], [], []

    async def drive(ctx):
        if load is not None:
            await sender(dut.load, load)(ctx)
        await sender(dut.i, tokens, stalls=stalls[0])(ctx)

    async def take(ctx):
        await receiver(dut.o, count, got, stalls=stalls[1])(ctx)
        await ctx.tick().repeat(2)  # `operations` tells of the cycle before
        done.extend(operations)

    simulate(dut, drive, take, background=[watch(dut.i, []), watch(dut.o, []), note(dut.operations, operations)])
    assert max(done) <= shape.lanes
    return got, sum(done)


@pytest.mark.parametrize("reports", [False, True])
@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_equals_the_model_under_stalls(lanes, stalls, reports):
    image = random_image(lanes, (8, 7), lanes, connectivity=0.5)
    shape, images = image.shape.layers[0], image.lanes[0]
    tokens = random_tokens(lanes, range(8), time_steps=3, inferences=4)
    expected, operations = layer_outputs(shape, images, tokens, reports=reports)
    got, done = run(shape, images, tokens, sum(map(len, expected)), reports=reports, stalls=stalls)
    assert in_steps(got) == expected
    assert done == operations > 0


@pytest.mark.parametrize("lanes", [1, 3])
def test_contents_from_the_load_port(lanes):
    """Each word goes to its own lane only."""
    image = random_image(5, (6, 5), lanes, connectivity=0.6)
    shape, images = image.shape.layers[0], image.lanes[0]
    fields = LOAD_WORD.unpack(image.load_words())
    words = list(zip(*(fields[field.name].tolist() for field in LOAD_WORD.fields), strict=True))
    words = [word for word in words if word[2] != Memory.TIME_STEPS]
    tokens = random_tokens(5, range(6), time_steps=3, inferences=2)
    expected, _operations = layer_outputs(shape, images, tokens, reports=False)
    got, _done = run(shape, images, tokens, sum(map(len, expected)), reports=False, load=words)
    assert in_steps(got) == expected


@pytest.mark.parametrize("lanes", [1, 3])
def test_all_memories_of_all_lanes_can_be_read_back(lanes):
    """A word a cycle, each two cycles later; zero from a lane that is not there."""
    image = random_image(5, (6, 5), lanes, connectivity=0.6)
    dut, words = Layer(image.shape.layers[0], queue_depth=2, reports=True, images=image.lanes[0]), words_in(image)

    async def drive(ctx):
        assert await peek(ctx, dut, [place for place, _ in words], 2) == [word for _, word in words]
        assert await peek(ctx, dut, [load_word(memory, 0, 0, lane=lanes) for memory in Memory], 2) == [0] * 4

    simulate(dut, drive)
    assert {place[3] for place, _ in words} == set(range(lanes))
