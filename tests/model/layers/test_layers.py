"""The quantised forward pass is the golden model, for all options of a layer."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from firstspike_model.layers.classifier import FirstSpikeClassifier
from firstspike_model.layers.export import to_network
from firstspike_model.layers.initialisation import INITIALISATIONS, rescale_to_fan_in
from firstspike_model.layers.normalisation import normalise_weights
from firstspike_model.layers.quantisation import best_scale, quantise
from firstspike_model.layers.surrogate import Surrogate
from firstspike_model.layers.synapses import gradient_type, synaptic_input
from firstspike_model.recipes.ranges import CHOICES
from firstspike_spec import Comparison, LatencyEncoder, Maps, infer_spikes


def flat(sizes: list[int]) -> list[tuple[Maps, int]]:
    """Layers that are fully connected."""
    return [(Maps.flat(sources), targets) for sources, targets in pairwise(sizes)]


#: Two convolutions, one of them pooled, strided and not padded, with odd sizes; then two fully connected layers.
CONVOLUTIONS = [
    (Maps(1, 9, 7, 3, 3, padding=1), 4),
    (Maps(4, 9, 7, 3, 2, pooling=2, stride=2), 5),
    (Maps(5, 2, 2, 3, 3, padding=1, stride=2), 6),
    (Maps.whole(6, 1, 1), 8),
    (Maps.flat(8), 3),
]


def quantised(bits: int, layers: list, time_steps: int, seed: int, normalised: bool = False) -> FirstSpikeClassifier:
    """A quantised classifier of some layers, or of fully connected ones of some sizes."""
    layers = flat(layers) if isinstance(layers[0], int) else layers
    generator = torch.Generator().manual_seed(seed)
    surrogate = Surrogate("fast-sigmoid", 0.5)
    classifier = FirstSpikeClassifier(layers, time_steps, generator, surrogate, weight_bits=bits, normalised=normalised)
    with torch.no_grad():
        for layer in classifier.layers:
            layer.cut((torch.rand(layer.mask.shape, generator=generator) < 0.5).float())
            layer.initial_potentials.copy_(torch.randn(layer.initial_potentials.shape, generator=generator))
            if normalised:
                layer.gains.copy_(0.5 + torch.rand(layer.gains.shape, generator=generator))
            layer.fit_scale()
    return classifier


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
@pytest.mark.parametrize(("layers", "time_steps"), [([30, 20, 10], 4), ([7, 33, 12, 3], 8), ([5, 2], 2), (CONVOLUTIONS, 4)])
def test_quantised_forward_is_the_golden_model(bits, layers, time_steps, normalised):
    classifier = quantised(bits, layers, time_steps, bits, normalised)
    first = classifier.layers[0].maps
    network = to_network(
        classifier, LatencyEncoder.linear(time_steps), (first.sources,) if first.is_flat else first.source_shape[1:]
    )
    times = np.random.default_rng(bits).integers(0, time_steps + 1, (100, network.inputs)).astype(np.int16)
    expected = infer_spikes(network, times, early_exit=False)

    comparison = Comparison()
    inputs = torch.tensor(times <= np.arange(time_steps)[:, None, None], dtype=torch.int8)
    present = inputs
    for index, layer in enumerate(classifier.layers):
        spikes = classifier.spikes(layer(present)).detach().flatten(2)
        potentials = layer.integer_margins(present).detach().flatten(2) + layer.integer_threshold
        fired = spikes.sum(dim=0).bool()
        got = torch.where(fired, spikes.argmax(dim=0), time_steps)
        at = torch.where(fired, got, time_steps - 1)
        comparison.compare(f"spike time in layer {index}", expected.spike_times[index + 1], got.numpy())
        comparison.compare(
            f"potential in layer {index}", expected.potentials[index], potentials.gather(0, at[None])[0].numpy()
        )
        present = spikes.cumsum(dim=0)
    comparison.check()
    assert comparison.compared_values == 200 * sum(layer.targets for layer in network.layers)
    assert torch.equal(classifier.spikes(classifier(inputs)).detach().cumsum(dim=0), present)
    ends = classifier.present_at_end(inputs)
    assert [end.shape for end in ends] == [(100, layer.sources) for layer in network.layers]
    for end, spike_times in zip(ends, expected.spike_times, strict=False):
        assert np.array_equal(end.detach().numpy() == 1, spike_times < time_steps)


def test_quantised_weights_have_the_bits_asked_for_and_no_cut_connection():
    classifier = quantised(3, [50, 40], 4, seed=0)
    (layer,) = classifier.layers
    weights = layer.integer_weights().detach()
    assert set(weights.unique().tolist()) == {-3, -2, -1, 0, 1, 2, 3}
    assert not weights[layer.mask == 0].any()


@pytest.mark.parametrize("normalised", [False, True])
def test_a_cut_connection_stays_cut_in_training(normalised):
    classifier = quantised(4, [30, 20], 4, 0, normalised)
    (layer,) = classifier.layers
    adam = torch.optim.Adam(classifier.parameters(), lr=0.1)
    before = layer.weights.detach().clone()
    for _ in range(3):
        adam.zero_grad()
        classifier(torch.ones(4, 5, 30)).square().sum().backward()
        adam.step()
    assert not layer.weights[layer.mask == 0].any()
    assert (layer.weights != before)[layer.mask == 1].float().mean() > 0.8  # clipped weights stay


def test_gradient_passes_straight_through_the_rounding():
    (layer,) = quantised(4, [6, 1], 4, seed=1).layers
    with torch.no_grad():
        layer.cut(torch.ones(1, 6))
        layer.weights.copy_(layer.scale * torch.tensor([[0.3, -2.4, 5.1, 6.6, 30.0, -30.0]]))
    layer(torch.ones(4, 1, 6))[-1].sum().backward()
    assert layer.weights.grad.tolist() == [pytest.approx([1, 1, 1, 1, 0, 0], rel=0.01)]  # clipped weights move no further
    assert layer.initial_potentials.grad.tolist() == pytest.approx([1])


def test_a_kept_connection_never_rounds_to_zero():
    values = torch.tensor([0.0, 0.1, -0.1, 0.6, -1.4, 2.6, -9.0], requires_grad=True)
    quantised = quantise(values, 0.5, 7, smallest=1)
    assert quantised.tolist() == [0, 1, -1, 1, -3, 5, -7]
    quantised.sum().backward()
    assert values.grad.tolist() == [2, 2, 2, 2, 2, 2, 0]


def test_the_scale_fits_best_and_zeros_do_not_count():
    weights = torch.randn(500, generator=torch.Generator().manual_seed(0))
    scale = best_scale(weights, 4)

    def error(tried: float) -> float:
        return float((quantise(weights, tried, 7) * tried - weights).square().sum())

    assert error(scale) <= min(error(scale * (1 + step / 50)) for step in range(-40, 40)) * 1.001
    assert best_scale(torch.cat([weights, torch.zeros(5000)]), 4) == scale
    assert best_scale(torch.zeros(3), 4) > 0


def test_state_dict_keeps_the_scale_and_the_cut():
    saved, other = quantised(4, [9, 8, 3], 4, 0), quantised(4, [9, 8, 3], 4, 1)
    other.load_state_dict(saved.state_dict())
    present = torch.ones(4, 2, 9)
    assert torch.equal(saved(present), other(present))
    assert [layer.scale for layer in other.layers] == [layer.scale for layer in saved.layers]


@pytest.mark.parametrize("name", INITIALISATIONS)
def test_initialisation_has_its_variance(name):
    weights = torch.empty(300, 400)
    INITIALISATIONS[name](weights, 8, torch.Generator().manual_seed(0))
    assert weights.var().item() == pytest.approx({"ettfs": 8 / 400, "kaiming": 1 / 1200}[name], rel=0.02)
    assert tuple(INITIALISATIONS) == CHOICES["initialisation"]


def test_rescaling_restores_the_variance_over_the_active_fan_in():
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(50, 4000, generator=generator) * (torch.rand(50, 4000, generator=generator) < 0.05)
    weights[7] = 0
    rescale_to_fan_in(weights, 8)
    for target, row in enumerate(weights):
        active = row[row != 0]
        assert target == 7 or active.square().mean().item() == pytest.approx(8 / len(active), rel=1e-4)
    assert not weights[7].any()


def test_normalisation_sets_the_variance_of_each_target_over_its_connections():
    generator = torch.Generator().manual_seed(0)
    weights = (3 * torch.randn(20, 60, generator=generator) * (torch.rand(20, 60, generator=generator) < 0.3)).requires_grad_()
    gains = (0.5 + torch.rand(20, generator=generator)).requires_grad_()
    normalised = normalise_weights(weights, gains, 4)
    for gain, row, before in zip(gains, normalised, weights, strict=True):
        count = int((before != 0).sum())
        assert math.sqrt(row.square().sum().item() / count) == pytest.approx(gain.item() * math.sqrt(4 / count), rel=1e-5)
        assert torch.equal(row != 0, before != 0)
        assert torch.equal(row.sign(), before.sign())
    (normalised * torch.randn(20, 60, generator=generator)).sum().backward()
    # The size of a target's weights does not matter, so no gradient points along them.
    assert (weights.grad * weights).sum(dim=1).abs().max() < 1e-5
    assert (gains.grad != 0).all()


def test_initial_weights_are_normal_already():
    weights = torch.empty(40, 5000)
    INITIALISATIONS["ettfs"](weights, 4, torch.Generator().manual_seed(0))
    assert torch.allclose(normalise_weights(weights, torch.ones(40), 4), weights, atol=0.01, rtol=0.05)


@pytest.mark.parametrize("kind", [torch.int8, torch.float32])
def test_whole_sums_are_exact_and_gradients_are_those_of_the_product(kind):
    generator = torch.Generator().manual_seed(0)
    present = torch.randint(0, 2, (3, 40, 700), generator=generator).to(kind).requires_grad_(kind == torch.float32)
    weights = torch.randint(-127, 128, (33, 700), generator=generator).float().requires_grad_()
    sums = synaptic_input(present, weights, whole=True)
    assert torch.equal(sums.long(), torch.einsum("tbs,ns->tbn", present.long(), weights.long()))
    gradient = torch.randn(sums.shape, generator=generator)
    sums.backward(gradient)
    close = 0.02 if gradient_type("cpu") == torch.bfloat16 else 1e-4
    to_weights = torch.einsum("tbn,tbs->ns", gradient, present.detach().float())
    assert (weights.grad - to_weights).abs().max() < close * to_weights.abs().max()
    if kind == torch.float32:
        to_present = torch.einsum("tbn,ns->tbs", gradient, weights.detach())
        assert (present.grad - to_present).abs().max() < close * to_present.abs().max()


@pytest.mark.parametrize("bits", [4, 32])
def test_dropout_leaves_out_neurons_in_training_only_and_keeps_the_mean(bits):
    generator = torch.Generator().manual_seed(2)
    surrogate = Surrogate("fast-sigmoid", 0.5)
    classifier = FirstSpikeClassifier(flat([40, 400, 3]), 4, generator, surrogate, dropout=0.4, weight_bits=bits)
    for layer in classifier.layers:
        layer.fit_scale()
    present = torch.ones(4, 500, 40, dtype=torch.int8)
    with torch.no_grad():
        varied = classifier(present)
        whole = classifier.eval()(present)
    assert whole.std(dim=1).max() < 1e-5  # the same image every time
    spread = varied.std(dim=1)
    assert spread.min() > 0.1
    assert ((varied.mean(dim=1) - whole[:, 0]).abs() < 5 * spread / math.sqrt(500)).all()
