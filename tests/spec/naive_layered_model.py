"""Layered networks in plain loops over Python's integers: slow, obvious, and without any code of the golden model."""

from .naive_model import encode, unrolled, weights_read


def infer_one(network, input_times):
    """Run one inference.

    Parameters
    ----------
    network : LayeredNetwork
        Only its tables are read.
    input_times : list of int
        Step of each input's spike, or the number of the input's steps for none.

    Returns
    -------
    dict
        ``times`` of the inputs and each layer, ``potentials`` of each layer, ``class``, ``decision_step``, ``spikes`` and
        ``synaptic_operations``.
    """
    kernel = [int(value) for value in network.kernel]
    kernels = [[int(value) for value in network.input_code.kernel]] + [kernel] * len(network.layers)
    times, all_potentials = [list(input_times)], []
    operations = 0
    for layer in network.layers:
        channels, height, width = _shape(layer)
        potentials = [int(start) for start in layer.initial_potentials for _position in range(height * width)]
        for projection in layer.projections:
            matrix = [[int(weight) for weight in row] for row in projection.dense()]
            weights, reads = unrolled(matrix, projection.maps), weights_read(matrix, projection.maps)
            for source, time in enumerate(times[projection.source]):
                if time == len(kernels[projection.source]):
                    continue
                operations += reads[source]
                for neuron in range(len(potentials)):
                    potentials[neuron] += weights[neuron][source] * kernels[projection.source][time]
        thresholds = [int(threshold) for threshold in layer.thresholds]
        fired = [_first_step(potential, thresholds) for potential in potentials]
        times.append(_pooled(fired, channels, height, width, layer.max_pooling))
        all_potentials.append(potentials)

    winner = 0
    for neuron in range(1, len(times[-1])):
        earlier = times[-1][neuron] < times[-1][winner]
        same = times[-1][neuron] == times[-1][winner]
        if earlier or (same and all_potentials[-1][neuron] > all_potentials[-1][winner]):
            winner = neuron
    steps = [len(table) for table in kernels]
    return {
        "times": times,
        "potentials": all_potentials,
        "class": winner,
        "decision_step": min(min(times[-1]), len(kernel) - 1),
        "spikes": sum(time < count for layer, count in zip(times, steps, strict=True) for time in layer),
        "synaptic_operations": operations,
    }


def infer(network, spike_times):
    """Run a batch of input spike times through a network, as `infer_one` does with each of its rows."""
    return [infer_one(network, [int(time) for time in row]) for row in spike_times]


def spike_times(network, images):
    """Return the spike times of a batch of images, by the thresholds of each channel: lists, shape (batch, inputs)."""
    tables = [[int(threshold) for threshold in table] for table in network.input_code.thresholds]
    times = []
    for image in images:
        pixels = [int(pixel) for pixel in image.reshape(-1)]
        places = len(pixels) // len(tables)
        times.append([encode(pixel, tables[number // places]) for number, pixel in enumerate(pixels)])
    return times


def _shape(layer):
    """Return channels, height and width of a layer's neurons."""
    maps = layer.projections[0].maps
    height = (-(-maps.height // maps.pooling) + 2 * maps.padding - maps.kernel_height) // maps.stride + 1
    width = (-(-maps.width // maps.pooling) + 2 * maps.padding - maps.kernel_width) // maps.stride + 1
    return len(layer.initial_potentials), height, width


def _first_step(potential, thresholds):
    """Return the first step whose threshold a potential reaches, or the number of steps."""
    for step, threshold in enumerate(thresholds):
        if potential >= threshold:
            return step
    return len(thresholds)


def _pooled(times, channels, height, width, side):
    """Return the earliest spike of each complete square of neurons."""
    pooled = []
    for channel in range(channels):
        for top in range(0, height - side + 1, side):
            for left in range(0, width - side + 1, side):
                square = [
                    times[(channel * height + y) * width + x] for y in range(top, top + side) for x in range(left, left + side)
                ]
                pooled.append(min(square))
    return pooled
