"""Software models of the gateware's parts, item by item, and random things to run on them."""

import random

import numpy as np

from firstspike_hw.lane.parameters import LayerParameters
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.contents import BankContents
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.shapes import AddressTableShape, LayerShape, OutputShape, index_bits
from firstspike_spec.protocol.loading import readable

from ..spec.random_networks import random_network
from .bench import load_word


def parameters(shape, *, spikes_per_token=1, time_steps=4, queue_depth=8, **options):
    """Return the parameters of a hidden layer, those of small benches by default."""
    sizes = {"spikes_per_token": spikes_per_token, "time_steps": time_steps, "queue_depth": queue_depth}
    return LayerParameters(shape, **sizes, **options)


def random_contents(seed, sizes, lanes=1, *, spikes_per_token=2, bank_lanes=None, queue_depth=8, **options):
    """Return a random network as an engine holds it; a token has room for ``spikes_per_token`` spikes."""
    network = random_network(seed, sizes, **options)
    shape = plan(network, lanes, spikes_per_token=spikes_per_token, bank_lanes=bank_lanes, queue_depth=queue_depth)
    return compile_network(network, shape)


def roomy(sizes, lanes, *, spikes_per_token=2, bank_lanes=1, time_steps=256, queue_depth=8):
    """Return a shape with room for any network whose layers have at most the given sizes; ``lanes`` are of hidden layers."""
    layers, source_bits = [], index_bits(sizes[0] + 1)
    for sources, targets, count in zip(sizes, sizes[1:-1], lanes, strict=False):
        neurons = -(-targets // count)
        layers.append(LayerShape(source_bits, count, bank_lanes, neurons, (sources + 1) * targets, neurons, 8, 16))
        source_bits = layers[-1].address_bits
    return EngineShape(tuple(layers), OutputShape(source_bits, sizes[-1], 8, 16), spikes_per_token, time_steps, queue_depth)


def roomy_for_maps(lanes, *, spikes_per_token=2, bank_lanes=1, time_steps=8, queue_depth=8):
    """Return a shape with room for any of `map_networks` that has as many hidden layers as ``lanes`` says."""
    layers, source_bits, lane_bits = [], 6, 0  # images of at most 36 pixels
    for count in lanes:
        address_table = AddressTableShape(400, lane_bits, row_bits=9, base_bits=8)
        layers.append(LayerShape(source_bits, count, bank_lanes, 400, 1024, 255, 8, 16, address_table))
        source_bits, lane_bits = layers[-1].address_bits, layers[-1].lane_bits
    output = OutputShape(source_bits, 4, 8, 16, AddressTableShape(400, lane_bits, row_bits=9, base_bits=0))
    return EngineShape(tuple(layers), output, spikes_per_token, time_steps, queue_depth)


def words_in(contents):
    """Return (place, word) of all that an engine's memories hold, in random order; a place is that of a load word."""
    words = [
        (load_word(part.memory, address, 0, lane=part.lane, layer=part.layer), word)
        for part in readable(contents)
        for address, word in enumerate(part.words.tolist())
    ]
    random.Random(0).shuffle(words)
    return words


def make_bank(shape, rows, initials):
    """Return the memories of a bank.

    Parameters
    ----------
    shape : LayerShape
    rows : dict of int to sequence
        By source address: for each lane of the bank a list of (neuron, weight). Sources that are not there have no row.
    initials : sequence of sequence of int
        Initial potentials minus the threshold, by lane and neuron.
    """
    entries, pointers = [], np.zeros(shape.rows, np.uint64)
    for source in sorted(rows):
        lengths = {f"length_{lane}": len(row) for lane, row in enumerate(rows[source])}
        pointers[source] = shape.pointer.pack(start=len(entries), **lengths)
        entries += [entry for row in rows[source] for entry in row]
    assert len(entries) <= shape.bank_entries
    neurons, weights = ([entry[at] for entry in entries] for at in range(2))
    return BankContents(pointers, shape.entry.pack(neuron=neurons, weight=weights), np.array(initials).T.reshape(-1))


def rows_of(shape, bank):
    """Return the connections that a bank's memories hold: by source and lane of the bank, a list of (neuron, weight)."""
    pointers, entries = shape.pointer.unpack(bank.pointers), shape.entry.unpack(bank.entries)
    pairs = list(zip(entries["neuron"].tolist(), entries["weight"].tolist(), strict=True))
    rows = []
    for source in range(shape.rows):
        at, lanes = int(pointers["start"][source]), []
        for lane in range(shape.bank_lanes):
            length = int(pointers[f"length_{lane}"][source])
            lanes.append(pairs[at : at + length])
            at += length
        rows.append(lanes)
    return rows


def rows_word(rows, end, last):
    """Return the fields of a `LayerParameters.lane_token`; ``rows`` are (start, length), of length 0 if there is none.

    What else such a row says has no meaning.
    """
    rows = [{"start": start, "more": length - 1 if length else 1, "exists": length > 0} for start, length in rows]
    return {"means_something": end or any(row["exists"] for row in rows), "rows": rows, "end": end, "last": last}


def random_tokens(seed, addresses, time_steps, inferences, *, address_bits, spikes_per_token, silent=0.3, empty=0.05):
    """Return tokens (`firstspike_hw.lib.layouts.token_layout`) as tuples.

    Each address spikes at most once an inference, in any order within a step, at any port. What stands at ports without a
    spike is random. Some tokens are without anything.
    """
    rng = random.Random(f"tokens {seed}")

    def token(spikes, end=0, last=0):
        ports = [
            *((address, 1) for address in spikes),
            *((rng.getrandbits(address_bits), 0) for _ in range(spikes_per_token)),
        ][:spikes_per_token]
        rng.shuffle(ports)
        return (*(value for port in ports for value in port), end, last)

    tokens = []
    for _ in range(inferences):
        steps = [[] for _ in range(time_steps)]
        for address in rng.sample(list(addresses), len(addresses)):
            if rng.random() >= silent:
                rng.choice(steps).append(address)
        for number, spikes in enumerate(steps):
            groups = []
            while spikes:
                count = rng.randint(1, spikes_per_token)
                groups.append(spikes[:count])
                spikes = spikes[count:]
            with_end = groups.pop() if groups and rng.random() < 0.5 else []
            for group in groups:
                tokens += [token([])] * (rng.random() < empty)
                tokens.append(token(group))
            tokens.append(token(with_end, 1, int(number == time_steps - 1)))
    return tokens


def with_start_tokens(shape, spikes_per_token, tokens):
    """Return what lane groups get of a layer's tokens: a spike of the start row before each inference's first one."""
    start = (shape.start_row, 1, *(0, 0) * (spikes_per_token - 1), 0, 0)
    firsts = [True, *(last for *_, last in tokens[:-1])]
    return [item for first, token in zip(firsts, tokens, strict=True) for item in ([start] * first + [token])]


def spikes_in(token):
    """Return the addresses of a token's spikes."""
    return [address for address, valid in zip(token[:-2:2], token[1:-2:2], strict=True) if valid]


class Neurons:
    """A lane's neurons as the contract has them: weights are added one by one; who fires is decided at the end of a step.

    Parameters
    ----------
    initials : sequence of int
        Initial potentials minus the threshold.
    """

    def __init__(self, initials):
        self._initials = list(initials)
        self._restart()

    def _restart(self):
        self.potentials, self.spiked = list(self._initials), set()

    def add(self, neuron, weight):
        """Add a weight."""
        self.potentials[neuron] += weight

    def end(self, last):
        """End a step; return the neurons that fire."""
        fire = [at for at, potential in enumerate(self.potentials) if potential >= 0 and at not in self.spiked]
        self.spiked.update(fire)
        if last:
            self._restart()
        return fire


def layer_outputs(shape, banks, tokens):
    """Return what a layer gives, as `in_steps` does, and how many weights other than 0 it adds.

    Parameters
    ----------
    shape : LayerShape
    banks : sequence of BankContents
    tokens : sequence of tuple
    """
    rows, neurons, operations = [], [], 0
    for bank in banks:
        by_source = rows_of(shape, bank)
        for lane in range(shape.bank_lanes):
            rows.append([row[lane] for row in by_source])
            neurons.append(Neurons(bank.initial_potentials[lane :: shape.bank_lanes].tolist()))
    given, first = [], True
    for token in tokens:
        for source in [shape.start_row] * first + spikes_in(token):
            for lane, by_source in enumerate(rows):
                for neuron, weight in by_source[source]:
                    neurons[lane].add(neuron, weight)
                    operations += weight != 0
        *_, end, last = token
        first = last
        if end:
            fire = [neuron << shape.lane_bits | lane for lane, part in enumerate(neurons) for neuron in part.end(last)]
            given.append((sorted(fire), last))
    return given, operations


def in_steps(tokens):
    """Return tokens as steps: the addresses of the spikes in rising order, and whether it is the last step."""
    steps, spikes = [], []
    for token in tokens:
        *_, end, last = token
        assert end or not last, f"not an end but the last one: {token}"
        spikes += spikes_in(token)
        if end:
            steps.append((sorted(spikes), last))
            spikes = []
    assert not spikes, f"spikes behind the last end: {spikes}"
    return steps


def in_lane_steps(items):
    """Return what a lane gives (`lane_layout`) as `in_steps` does; ``last`` matters with an end only."""
    return in_steps([(address, 1 - end, end, last & end) for address, end, last in items])
