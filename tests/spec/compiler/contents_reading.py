"""Contents of an engine's memories, read bit by bit as the hardware reads them, and compared with the network."""

import numpy as np


def number(word, low, bits, signed=False):
    """Return the number in ``bits`` of a word from bit ``low`` on."""
    value = word >> low & ((1 << bits) - 1)
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def hidden_in(contents, layer):
    """Return the contents of a hidden layer's memories, read bit by bit as the hardware reads them.

    The result is by address: ``weights[target address, source address]``, the initial potentials, and the targets of the
    start row.
    """
    shape = contents.shape.layers[layer]
    start_bits = max(1, (shape.bank_entries - 1).bit_length())
    length_bits = shape.row_entries.bit_length()
    neuron_bits = max(1, (shape.lane_neurons - 1).bit_length())
    lane_bits = (shape.lanes - 1).bit_length()
    weights = np.zeros((1 << shape.address_bits, 1 << shape.source_bits), np.int64)
    initial, start_row = {}, []
    assert len(contents.banks[layer]) * shape.bank_lanes == shape.lanes
    for bank, content in enumerate(contents.banks[layer]):
        assert len(content.pointers) == 1 << shape.source_bits
        assert len(content.entries) <= shape.bank_entries
        assert len(content.initial_potentials) == shape.lane_neurons * shape.bank_lanes
        for place, start in enumerate(content.initial_potentials.tolist()):
            neuron, within = place >> (shape.bank_lanes - 1), place & (shape.bank_lanes - 1)
            initial[neuron << lane_bits | (bank * shape.bank_lanes + within)] = start
        entries, read = content.entries.tolist(), 0
        for source, pointer in enumerate(content.pointers.tolist()):
            assert pointer >> (start_bits + shape.bank_lanes * length_bits) == 0
            at = number(pointer, 0, start_bits)
            for within in range(shape.bank_lanes):
                length = number(pointer, start_bits + within * length_bits, length_bits)
                assert length <= shape.row_entries
                before = -1
                for entry in entries[at : at + length]:
                    assert entry >> (neuron_bits + shape.weight_bits) == 0
                    neuron = number(entry, 0, neuron_bits)
                    weight = number(entry, neuron_bits, shape.weight_bits, signed=True)
                    assert before < neuron < shape.lane_neurons
                    before = neuron
                    target = neuron << lane_bits | (bank * shape.bank_lanes + within)
                    if source == (1 << shape.source_bits) - 1:
                        assert weight == 0
                        start_row.append(target)
                    else:
                        assert weight != 0
                        weights[target, source] = weight
                    read += 1
                at += length
                assert at <= len(entries)
        assert read == len(entries), "entries that no row has, or that two rows have"
    return weights, initial, start_row


def output_in(contents):
    """Return the weights, ``weights[neuron, source address]``, and the initial potentials that the output's slices hold."""
    shape = contents.shape.output
    per_slice = max(1, 16 // shape.weight_bits)
    assert len(contents.output) == (shape.neurons + per_slice - 1) // per_slice
    weights = np.zeros((len(contents.output) * per_slice, 1 << shape.source_bits), np.int64)
    initial = []
    for index, content in enumerate(contents.output):
        assert len(content.weights) == 1 << shape.source_bits
        for source, word in enumerate(content.weights.tolist()):
            assert word >> (per_slice * shape.weight_bits) == 0
            for place in range(per_slice):
                weight = number(word, place * shape.weight_bits, shape.weight_bits, signed=True)
                weights[index * per_slice + place, source] = weight
        assert len(content.initial_potentials) == min(per_slice, shape.neurons - index * per_slice)
        initial += content.initial_potentials.tolist()
    assert not weights[shape.neurons :].any()
    return weights[: shape.neurons], dict(enumerate(initial))


def check_contents(contents):
    """Compare the whole contents of the memories with the network; return the number of values compared."""
    network, compared = contents.network, 0
    source_addresses = np.arange(network.inputs)
    assert len(contents.addresses) == len(network.layers)
    for index, (layer, addresses) in enumerate(zip(network.layers, contents.addresses, strict=True)):
        potentials = layer.initial_potentials.astype(np.int64) - layer.threshold
        if index < len(contents.shape.layers):
            shape = contents.shape.layers[index]
            weights, initial, start_row = hidden_in(contents, index)
            # No neuron has the address of all ones, here or in the next layer.
            assert addresses.max() < (1 << shape.address_bits) - 1
            assert sorted(start_row) == sorted(addresses[potentials >= 0].tolist())
        else:
            shape = contents.shape.output
            weights, initial = output_in(contents)
            assert addresses.tolist() == list(range(layer.targets))
        assert source_addresses.max() < (1 << shape.source_bits) - 1
        assert len(set(addresses.tolist())) == layer.targets
        expected = np.zeros_like(weights)
        expected[np.ix_(addresses, source_addresses)] = layer.dense()
        np.testing.assert_array_equal(weights, expected)
        lowest = -(1 << (shape.potential_bits - 1))
        own = dict(zip(addresses.tolist(), potentials.tolist(), strict=True))
        assert initial == dict.fromkeys(initial, lowest) | own
        compared += weights.size + len(initial)
        source_addresses = addresses
    return compared
