"""Software models of the gateware's parts, item by item, and random things to run on them."""

import random

from firstspike_spec.compiler import compile_network, plan
from firstspike_spec.loading import readable

from ..spec.random_networks import random_network
from .bench import load_word


def random_image(seed, sizes, lanes=1, **options):
    """Return the engine image of a random network."""
    network = random_network(seed, sizes, **options)
    return compile_network(network, plan(network, lanes, queue_depth=2))


def words_in(image):
    """Return (place, word) of all that an engine image's memories hold, in random order; a place is that of a load word."""
    words = [
        (load_word(part.memory, address, 0, lane=part.lane, layer=part.layer), word)
        for part in readable(image)
        for address, word in enumerate(part.words.tolist())
    ]
    random.Random(0).shuffle(words)
    return words


def rows_of(shape, image):
    """Return the connections that a lane's memories hold: a list of (neuron, weight) for each source address."""
    pointers, entries = shape.pointer.unpack(image.pointers), shape.entry.unpack(image.entries)
    pairs = list(zip(entries["neuron"].tolist(), entries["weight"].tolist(), strict=True))
    ranges = zip(pointers["start"].tolist(), pointers["length"].tolist(), strict=True)
    return [pairs[start : start + length] for start, length in ranges]


def random_tokens(seed, addresses, time_steps, inferences, *, silent=0.3):
    """Return (address, end, last) tokens: each address spikes at most once an inference, in any order within a step."""
    rng = random.Random(f"tokens {seed}")
    tokens = []
    for _ in range(inferences):
        steps = [[] for _ in range(time_steps)]
        for address in rng.sample(list(addresses), len(addresses)):
            if rng.random() >= silent:
                rng.choice(steps).append((address, 0, 0))
        for number, spikes in enumerate(steps):
            tokens += [*spikes, (0, 1, int(number == time_steps - 1))]
    return tokens


def lane_outputs(shape, image, tokens, *, reports):
    """Return what a lane gives for (address, end, last) tokens, and how many synaptic operations it does."""
    rows, starts = rows_of(shape, image), image.start_potentials.tolist()
    potentials, spiked, given, operations = list(starts), set(), [], 0
    for address, end, last in tokens:
        if not end:
            for neuron, weight in rows[address]:
                potentials[neuron] += weight
                operations += 1
            continue
        for neuron, potential in enumerate(potentials):
            fires = potential >= 0
            if neuron not in spiked and (fires or (reports and last)):
                given.append((neuron, potential, int(fires), 0, 0) if reports else (neuron, 0, 0))
            if fires:
                spiked.add(neuron)
        given.append((0, 0, 0, 1, last) if reports else (0, 1, last))
        if last:
            potentials, spiked = list(starts), set()
    return given, operations


def layer_outputs(shape, images, tokens, *, reports):
    """Return what a layer gives, as `in_steps` does, and how many synaptic operations its lanes do."""
    given, operations = [], 0
    for lane, image in enumerate(images):
        items, count = lane_outputs(shape, image, tokens, reports=reports)
        operations += count
        for number, step in enumerate(in_steps(items)):
            if lane == 0:
                given.append([])
            given[number] += [(item[0] << shape.lane_bits | lane, *item[1:]) for item in step[:-1]]
            if lane == shape.lanes - 1:
                given[number] = [*sorted(given[number]), step[-1]]
    return given, operations


def in_steps(items):
    """Return items as a list for each step: its spikes in rising order, then its end."""
    steps, spikes = [], []
    for item in items:
        if item[-2]:
            steps.append([*sorted(spikes), item])
            spikes = []
        else:
            spikes.append(item)
    assert not spikes, "spikes behind the last end"
    return steps
