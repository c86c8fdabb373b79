"""Layer by layer, a model computes what its modules say; folded and rounded, it computes nearly the same."""

from contextlib import contextmanager

import pytest
import torch

from firstspike_model.nn import BatchNorm1d, BatchNorm2d, Sequential, Spikes, freeze_statistics, quantise
from firstspike_model.nn.exact import exact_sums
from firstspike_model.nn.folding import folded_bias, folded_weights, offset_sum
from firstspike_model.nn.forward import float_weights, normalised, run_layer
from firstspike_spec import InputError

from .random_models import FORMS, random_inputs, random_model

CASES = [(form, seed) for form in FORMS for seed in range(6)]


def model_of(form: str, seed: int, centred: bool = True) -> Sequential:
    model = random_model(form, seed)
    model.kind = torch.float32
    if not centred:
        model.source.offset.zero_()
    return model


@pytest.fixture
def same_rounding(monkeypatch):
    """Let two models round alike, one run after the other: a rounding error in a sum could change a level."""
    levels = Spikes.levels

    @contextmanager
    def repeated(first: Sequential, second: Sequential):
        seen = {}

        def recorded(spikes, potentials, unit=None):
            twin = twins.get(spikes)
            if twin is None:
                seen[spikes] = potentials.detach()
            elif seen[twin].numel() == potentials.numel():  # else pooling stands elsewhere
                known = seen[twin].reshape(potentials.shape)
                assert torch.allclose(potentials, known, atol=1e-4, rtol=1e-4)
                potentials = potentials + (known - potentials).detach()
            return levels(spikes, potentials, unit)

        both = [[module for module in model.modules() if isinstance(module, Spikes)] for model in (first, second)]
        twins = dict(zip(both[1], both[0], strict=True))
        monkeypatch.setattr(Spikes, "levels", recorded)
        yield
        assert len(seen) == len(twins)

    return repeated


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("form", "seed"), CASES)
def test_layers_compute_what_their_modules_say(form, seed, training, same_rounding):
    """PyTorch's own Sequential runs the modules one after the other. (It pads with 0, so the input must not be centred.)"""
    models = [model_of(form, seed, centred=False).train(training) for _ in range(2)]
    inputs = random_inputs(models[0], 20)
    with same_rounding(*models):
        scores, wanted = models[0](inputs), torch.nn.Sequential.forward(models[1], inputs).flatten(1)
    assert torch.allclose(scores, wanted, atol=1e-3, rtol=1e-3)
    assert scores.std() > 0.01
    for one, other in zip(models[0].buffers(), models[1].buffers(), strict=True):
        assert torch.allclose(one, other, atol=1e-4)
    if training and form != "pooled":  # after Spikes, max pooling passes gradients to another one of equal spikes
        for scored in (scores, wanted):
            scored.square().sum().backward()
        pairs = list(zip(models[0].named_parameters(), models[1].named_parameters(), strict=True))
        moved = 0
        for (name, one), (_, other) in pairs:
            if one.grad is None:
                assert other.grad is None, name
            else:
                scale = other.grad.abs().max() + 1e-2
                assert torch.allclose(one.grad / scale, other.grad / scale, atol=2e-2), name
                moved += bool(one.grad.abs().max() > 0)
        assert moved > len(pairs) // 3


@pytest.mark.parametrize(("form", "seed"), CASES)
def test_folded_weights_give_the_same_potentials(form, seed):
    """Also with padded, pooled and centred inputs, and with max pooling before batch normalisation."""
    model = model_of(form, seed).eval()
    with torch.no_grad():
        runs = model.run(random_inputs(model, 20))
        for layer in model.layers:
            wanted = normalised(layer, runs, float_weights(layer, runs), torch.float32)
            constant, sums = folded_bias(layer), torch.zeros(1)
            for branch, weight in zip(layer.branches, folded_weights(layer, runs), strict=True):
                matrix = torch.diag(weight) if branch.synapses is None else weight.flatten(1)
                constant = constant + offset_sum(branch, runs[branch.source], weight)
                sums = sums + exact_sums(runs[branch.source].values, matrix, branch.maps)
            total = sums + constant[:, None, None]
            pooled = torch.nn.functional.max_pool2d(total, layer.pooling)
            assert torch.allclose(pooled, wanted, atol=1e-3, rtol=1e-3), layer.name


@pytest.mark.parametrize(("form", "seed"), CASES)
def test_with_frozen_statistics_training_sees_the_exported_spikes(form, seed):
    model = model_of(form, seed)
    inputs = random_inputs(model, 50)
    quantise(model, 4)
    freeze_statistics(model)
    statistics = [buffer.clone() for buffer in model.buffers()]
    scores = model.train()(inputs)
    units = [layer.anchor.unit.item() for layer in model.layers]  # those of the pass above
    wanted = model.eval()(inputs)
    assert torch.allclose(scores, wanted, atol=1e-3 * wanted.abs().max().item() + 1e-6)
    assert [layer.anchor.unit.item() for layer in model.layers] == units
    assert all(torch.equal(one, other) for one, other in zip(model.buffers(), statistics, strict=True))
    scores.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), name


@pytest.mark.parametrize(("form", "seed"), CASES)
def test_with_eight_bits_a_layer_is_nearly_as_with_floats(form, seed):
    """Given the same spikes, in training and in eval()."""
    model = model_of(form, seed)
    inputs = random_inputs(model, 100)
    for module in model.modules():
        if isinstance(module, BatchNorm1d | BatchNorm2d):
            module.momentum = 0.0  # statistics stay what they are
    for training in (True, False):
        with torch.no_grad():
            runs = model.train(training).run(inputs)
            quantise(model, 8)
            for layer, wanted in zip(model.layers, runs[1:], strict=True):
                values, _ = run_layer(layer, runs, torch.float32, training)
                layer.anchor.weight_bits = 0
                off = (values - wanted.values).abs()
                if layer.spikes is None:
                    assert off.max() < 0.05 * wanted.values.abs().max()
                else:
                    assert (off > 0).float().mean() < 0.25


@pytest.mark.parametrize("form", FORMS)
def test_with_frozen_variances_only_means_are_those_of_the_batch(form):
    """Against PyTorch's batch normalisation by hand; and the mean that is learned is the one that is exported."""
    model = model_of(form, 0)
    inputs = random_inputs(model, 40)
    norms = [module for module in model.modules() if isinstance(module, BatchNorm1d | BatchNorm2d)]
    seen = {}
    for norm in norms:
        norm.register_forward_hook(lambda module, given, result: seen.update({module: (given[0], result)}))
        norm.momentum = 1.0
    freeze_statistics(model, "variances")
    variances = [norm.running_var.clone() for norm in norms]
    quantise(model, 4)
    model.train()(inputs).sum().backward()
    for norm, variance in zip(norms, variances, strict=True):
        given, result = seen[norm]
        axes = [0, 2, 3]
        wanted = (given - given.mean(axes, keepdim=True)) / (variance + norm.eps).sqrt()[:, None, None]
        wanted = wanted * norm.weight[:, None, None] + norm.bias[:, None, None]
        assert torch.allclose(result, wanted, atol=1e-4)
        assert torch.equal(norm.running_var, variance)
        assert torch.allclose(norm.running_mean, given.mean(axes), atol=1e-5)
    with pytest.raises(InputError, match="what is frozen must be one of nothing, variances, all, not 'means'"):
        freeze_statistics(model, "means")


def test_a_gain_of_zero_silences_its_channel_and_nothing_else():
    model = model_of("maps", 3)
    norm = next(module for module in model.modules() if isinstance(module, BatchNorm2d))
    with torch.no_grad():
        norm.weight[1] = 0
        norm.bias[1] = -1
    quantise(model, 4)
    scores = model.train()(random_inputs(model, 20))
    scores.sum().backward()
    assert scores.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)
    assert (model.run(random_inputs(model, 20))[2].values[:, 1] == 0).all()
