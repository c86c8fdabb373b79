"""Two threads at one accelerator: each gets its own results."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from firstspike import Accelerator
from firstspike_spec import infer

from ..spec.random_networks import random_network


@pytest.mark.parametrize("device", ["golden", "sim"])
def test_each_thread_gets_its_own(network, device):
    rng = np.random.default_rng(1)
    batches = [rng.integers(0, 256, (rng.integers(1, 30), 16)).astype(np.uint8) for _ in range(12)]
    with Accelerator.open(device, network=network, lanes=3) as accelerator, ThreadPoolExecutor(4) as pool:
        for images, classes in zip(batches, pool.map(accelerator.predict, batches), strict=True):
            np.testing.assert_array_equal(classes, infer(network, images).classes)


def test_a_network_is_never_replaced_in_mid_batch(network):
    """One thread loads two networks in turn, the other runs: each batch is that of one network, whole."""
    other = random_network(8, (16, 9, 4), connectivity=0.4, threshold=3)
    images = np.random.default_rng(2).integers(0, 256, (600, 16)).astype(np.uint8)
    wanted = [infer(loaded, images).classes for loaded in (network, other)]
    assert not np.array_equal(*wanted)
    with Accelerator.open("sim", network=network, lanes=3) as accelerator, ThreadPoolExecutor(2) as pool:

        def reload():
            for turn in range(10):
                accelerator.load((other, network)[turn % 2])

        loading = pool.submit(reload)
        seen = set()
        while not loading.done():
            classes = accelerator.predict(images)
            matches = [index for index, expected in enumerate(wanted) if np.array_equal(classes, expected)]
            assert matches, "a batch that is neither network's"
            seen.update(matches)
        loading.result()
    assert seen
