"""The contract in plain loops over Python's integers: slow, obvious, and without any code of the golden model."""


def infer_one(layers, thresholds, input_times, time_steps, early_exit, reads=None):
    """Run one inference.

    Parameters
    ----------
    layers : list of list of list of int
        ``layers[l][j][i]``: the weight from source ``i`` to neuron ``j``; 0 where there is no connection.
    thresholds : list of (int, list of int)
        Of each layer: the threshold, and the initial potential of each neuron.
    input_times : list of int
        Step of each input's spike, or ``time_steps`` for none.
    reads : list of list of int, optional
        ``reads[l][i]``: how many weights a spike of source ``i`` reads; by default those that are not 0.

    Returns
    -------
    dict
        ``times`` of the inputs and each layer, ``potentials`` of each layer, ``class``, ``decision_step``, ``spikes`` and
        ``synaptic_operations``.
    """
    times = [list(input_times)] + [[time_steps] * len(layer) for layer in layers]
    potentials = [list(start) for _threshold, start in thresholds]
    at_spike = [list(start) for _threshold, start in thresholds]
    decision_step = time_steps - 1
    reads = reads or [[sum(neuron[source] != 0 for neuron in layer) for source in range(len(layer[0]))] for layer in layers]
    operations = 0
    for step in range(time_steps):
        for number, layer in enumerate(layers):
            threshold = thresholds[number][0]
            for source, time in enumerate(times[number]):
                if time == step:
                    operations += reads[number][source]
                    for neuron, weights in enumerate(layer):
                        potentials[number][neuron] += weights[source]
            for neuron in range(len(layer)):
                if times[number + 1][neuron] == time_steps:
                    at_spike[number][neuron] = potentials[number][neuron]
                    if potentials[number][neuron] >= threshold:
                        times[number + 1][neuron] = step
        if early_exit and min(times[-1]) == step:
            decision_step = step
            break
    else:
        if min(times[-1]) < time_steps:
            decision_step = min(times[-1])

    # With early exit, nothing after the decision is known.
    if early_exit:
        for source, time in enumerate(times[0]):
            if time > decision_step:
                times[0][source] = time_steps

    winner = 0
    for neuron in range(1, len(times[-1])):
        earlier = times[-1][neuron] < times[-1][winner]
        same = times[-1][neuron] == times[-1][winner]
        if earlier or (same and at_spike[-1][neuron] > at_spike[-1][winner]):
            winner = neuron
    return {
        "times": times,
        "potentials": at_spike,
        "class": winner,
        "decision_step": decision_step,
        "spikes": sum(time < time_steps for layer in times for time in layer),
        "synaptic_operations": operations,
    }


def infer(network, spike_times, early_exit):
    """Run a batch through a network, as `infer_one` does with each of its rows."""
    layers = [unrolled([[int(weight) for weight in row] for row in layer.dense()], layer.maps) for layer in network.layers]
    thresholds = [
        (layer.threshold, [int(start) for start in layer.initial_potentials for _position in range(layer.maps.positions)])
        for layer in network.layers
    ]
    reads = [weights_read(layer.dense().tolist(), layer.maps) for layer in network.layers]
    steps = network.time_steps
    return [infer_one(layers, thresholds, [int(time) for time in row], steps, early_exit, reads) for row in spike_times]


def unrolled(kernels, maps):
    """Return the weight from every source to every neuron of a layer with maps; 0 where there is no connection.

    Parameters
    ----------
    kernels : list of list of int
        By target channel and tap.
    maps
        Of the layer.
    """
    neurons = []
    for kernel in kernels:
        for y in range((-(-maps.height // maps.pooling) + 2 * maps.padding - maps.kernel_height) // maps.stride + 1):
            for x in range((-(-maps.width // maps.pooling) + 2 * maps.padding - maps.kernel_width) // maps.stride + 1):
                weights = []
                for channel in range(maps.channels):
                    for source_y in range(maps.height):
                        for source_x in range(maps.width):
                            down = source_y // maps.pooling - (y * maps.stride - maps.padding)
                            right = source_x // maps.pooling - (x * maps.stride - maps.padding)
                            weight = 0
                            if 0 <= down < maps.kernel_height and 0 <= right < maps.kernel_width:
                                weight = kernel[(channel * maps.kernel_height + down) * maps.kernel_width + right]
                            weights.append(weight)
                neurons.append(weights)
    return neurons


def weights_read(kernels, maps):
    """Return how many weights a spike of each source of a layer with maps reads.

    Where a target channel has several neurons, those are all weights of its channel that some neuron on an endless map would
    see it through; else those that the one neuron sees it through.
    """
    rows = (-(-maps.height // maps.pooling) + 2 * maps.padding - maps.kernel_height) // maps.stride + 1
    columns = (-(-maps.width // maps.pooling) + 2 * maps.padding - maps.kernel_width) // maps.stride + 1
    reads = []
    for channel in range(maps.channels):
        for y in range(maps.height):
            for x in range(maps.width):
                count = 0
                for dy in range(maps.kernel_height):
                    for dx in range(maps.kernel_width):
                        down, right = y // maps.pooling + maps.padding - dy, x // maps.pooling + maps.padding - dx
                        if rows * columns > 1:
                            meets = down % maps.stride == 0 and right % maps.stride == 0
                        else:
                            meets = down == 0 and right == 0
                        tap = (channel * maps.kernel_height + dy) * maps.kernel_width + dx
                        count += meets * sum(kernel[tap] != 0 for kernel in kernels)
                reads.append(count)
    return reads


def encode(pixel, thresholds):
    """Return the spike time of one pixel."""
    for step, threshold in enumerate(thresholds):
        if pixel >= threshold:
            return step
    return len(thresholds)
