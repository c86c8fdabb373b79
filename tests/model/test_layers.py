"""The quantised forward pass is the golden model."""

import numpy as np
import pytest
import torch

from firstspike_model.export import to_network
from firstspike_model.layers import FirstSpikeClassifier
from firstspike_spec import Comparison, LatencyEncoder, infer_spikes


def quantised(bits: int, sizes: list[int], time_steps: int, seed: int) -> FirstSpikeClassifier:
    generator = torch.Generator().manual_seed(seed)
    classifier = FirstSpikeClassifier(sizes, time_steps, bits, 0.5, generator)
    with torch.no_grad():
        for layer in classifier.layers:
            layer.mask.copy_(torch.rand(layer.mask.shape, generator=generator) < 0.5)
            layer.start_potentials.copy_(torch.randn(layer.start_potentials.shape, generator=generator))
            layer.fit_scale()
    return classifier


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
@pytest.mark.parametrize(("sizes", "time_steps"), [([30, 20, 10], 4), ([7, 33, 12, 3], 8), ([5, 2], 2)])
def test_quantised_forward_is_the_golden_model(bits, sizes, time_steps):
    classifier = quantised(bits, sizes, time_steps, seed=bits)
    network = to_network(classifier, LatencyEncoder.linear(time_steps), (sizes[0],))
    times = np.random.default_rng(bits).integers(0, time_steps + 1, (100, sizes[0])).astype(np.int16)
    expected = infer_spikes(network, times, early_exit=False)

    comparison = Comparison()
    present = torch.tensor(times <= np.arange(time_steps)[:, None, None], dtype=torch.float32)
    for index, layer in enumerate(classifier.layers):
        spikes, _ = layer(present)
        potentials = layer.integer_margins(present).detach() + layer.integer_threshold
        fired = spikes.sum(dim=0).bool()
        got = torch.where(fired, spikes.argmax(dim=0), time_steps)
        at = torch.where(fired, got, time_steps - 1)
        comparison.compare(f"spike time in layer {index}", expected.spike_times[index + 1], got.numpy())
        comparison.compare(
            f"potential in layer {index}", expected.potentials[index], potentials.gather(0, at[None])[0].numpy()
        )
        present = spikes.detach().cumsum(dim=0)
    comparison.check()
    assert comparison.compared_values == 200 * sum(sizes[1:])
    spikes, _ = classifier(torch.tensor(times <= np.arange(time_steps)[:, None, None], dtype=torch.float32))
    assert torch.equal(spikes.detach().cumsum(dim=0), present)


def test_quantised_weights_have_the_bits_asked_for_and_no_cut_connection():
    classifier = quantised(3, [50, 40], 4, seed=0)
    (layer,) = classifier.layers
    weights = layer.integer_weights().detach()
    assert set(weights.unique().tolist()) == {-3, -2, -1, 0, 1, 2, 3}
    assert not weights[~layer.mask].any()


def test_gradient_passes_straight_through_the_rounding():
    (layer,) = quantised(4, [6, 1], 4, seed=1).layers
    with torch.no_grad():
        layer.mask.fill_(True)
        layer.weights.copy_(layer.scale * torch.tensor([[0.3, -2.4, 5.1, 6.6, 30.0, -30.0]]))
    present = torch.ones(4, 1, 6)
    _, margins = layer(present)
    margins[-1].sum().backward()
    assert layer.weights.grad.tolist() == [pytest.approx([1, 1, 1, 1, 0, 0])]  # clipped weights move no further
    assert layer.start_potentials.grad.tolist() == pytest.approx([1])
