"""Small layered networks for the tests of the host side: a coloured one, one of digits, and one that takes spike times."""

import numpy as np

from firstspike_spec import InputCode, LayeredLayer, LayeredNetwork, Maps, Projection, base_two_kernel, linear_kernel


def weights(generator, channels, taps, connectivity=0.5):
    """Return a matrix of 4-bit weights."""
    matrix = generator.integers(-7, 8, (channels, taps))
    matrix[generator.random(matrix.shape) >= connectivity] = 0
    return matrix


def colour_network(provenance=None):
    """Return a network of 3 x 12 x 12 pixels with max pooling, and a layer that also reads the input's own maps.

    The input has 16 steps, the layers have 8. The channels of the image have thresholds of their own.
    """
    generator, steps = np.random.default_rng(0), 8
    tables = np.stack([np.arange(16, 0, -1) * step for step in (15, 12, 9)])
    falling = np.arange(steps, 0, -1)
    first, second = Maps(3, 12, 12, 3, 3, padding=1), Maps(6, 6, 6, 3, 3, padding=1)
    around, whole = Maps(3, 12, 12, 1, 1, 2), Maps.whole(5, 3, 3)
    layers = [
        LayeredLayer(
            [Projection.from_dense(0, weights(generator, 6, first.taps), 4, maps=first)],
            generator.integers(-50, 50, 6),
            falling * 60,
            2,
        ),
        LayeredLayer(
            [
                Projection.from_dense(1, weights(generator, 5, second.taps), 4, maps=second),
                Projection.from_dense(0, weights(generator, 5, around.taps), 5, maps=around),
            ],
            generator.integers(-50, 50, 5),
            falling * 25,
            2,
        ),
        LayeredLayer(
            [Projection.from_dense(2, weights(generator, 4, whole.taps), 4, maps=whole)], [20, -90, 9, 0], falling * 20
        ),
    ]
    names = ("red", "green", "blue", "grey")
    return LayeredNetwork(
        InputCode(linear_kernel(16), tables), linear_kernel(steps), layers, (3, 12, 12), names, provenance or {}
    )


def digits_network():
    """Return a network of 28 x 28 pixels and ten classes."""
    generator = np.random.default_rng(1)
    hidden, output = weights(generator, 12, 784, 0.1), weights(generator, 10, 12)
    layers = [
        LayeredLayer([Projection.from_dense(0, hidden, 4)], np.zeros(12, int), [120, 60, 30, 10]),
        LayeredLayer([Projection.from_dense(1, output, 4)], np.zeros(10, int), [60, 40, 20, 5]),
    ]
    return LayeredNetwork(InputCode(linear_kernel(3), [[192, 128, 64]]), base_two_kernel(4), layers, (28, 28))


def spikes_network():
    """Return a network of 12 inputs that takes spike times and no images."""
    generator = np.random.default_rng(2)
    layers = [
        LayeredLayer([Projection.from_dense(0, weights(generator, 7, 12), 4)], np.zeros(7, int), [30, 20, 10]),
        LayeredLayer([Projection.from_dense(1, weights(generator, 3, 7, 0.9), 4)], np.zeros(3, int), [20, 10, 2]),
    ]
    return LayeredNetwork(InputCode(linear_kernel(5)), linear_kernel(3), layers, (12,))


def colour_images(count=30):
    """Return images of 3 x 12 x 12 pixels, from dark to bright."""
    levels = np.linspace(30, 255, count)[:, None, None, None]
    return (np.random.default_rng(3).random((count, 3, 12, 12)) * levels).astype(np.uint8)
