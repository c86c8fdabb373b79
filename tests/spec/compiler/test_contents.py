"""The contents of an engine: load words and digest."""

from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec.common.words import LOAD_WORD, Memory
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan

from ..random_networks import networks, random_network


@given(networks(max_layers=2), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_load_words_cover_exactly_the_contents(network, lanes):
    contents = compile_network(network, plan(network, lanes))
    words = LOAD_WORD.unpack(contents.load_words())
    got = {}
    for data, address, memory, lane, layer in zip(*(words[field.name].tolist() for field in LOAD_WORD.fields), strict=True):
        key = (Memory(memory), layer, lane, address)
        assert key not in got, "a place is loaded twice"
        got[key] = data
    expected = {(Memory.TIME_STEPS, 0, 0, 0): network.time_steps}

    def expect(layer, lane, memory, words):
        expected.update({(memory, layer, lane, address): word for address, word in enumerate(words.tolist())})

    for layer, banks in enumerate(contents.banks):
        for lane, bank in enumerate(banks):
            expect(layer, lane, Memory.POINTERS, bank.pointers)
            expect(layer, lane, Memory.ENTRIES, bank.entries)
            bits = contents.shape.layers[layer].potential_bits
            expect(layer, lane, Memory.INITIAL_POTENTIALS, bank.initial_potentials % (1 << bits))
    for lane, part in enumerate(contents.output):
        expect(len(contents.banks), lane, Memory.ENTRIES, part.weights)
        bits = contents.shape.output.potential_bits
        expect(len(contents.banks), lane, Memory.INITIAL_POTENTIALS, part.initial_potentials % (1 << bits))
    assert got == expected


def test_networks_and_engines_have_different_digests():
    one, two = random_network(0, (5, 4, 3)), random_network(1, (5, 4, 3))
    shapes = [plan(one, 2), plan(one, 2, spikes_per_token=1), plan(one, 2, bank_lanes=1), plan(one, 4)]
    digests = {compile_network(one, shape).digest for shape in shapes} | {compile_network(two, plan(two, 2)).digest}
    assert len(digests) == 5
    assert compile_network(one, shapes[0]).digest in digests
