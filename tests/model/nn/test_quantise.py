"""Units fit, follow and are learned; cut connections stay cut; states continue."""

import copy
import io

import pytest
import torch

from firstspike_model.layers.quantisation import best_scale
from firstspike_model.nn import BatchNorm2d, Conv2d, Linear, freeze_statistics, quantise
from firstspike_model.nn.export import sources_of
from firstspike_model.nn.folding import folded_weights, whole_weights
from firstspike_model.nn.quantisation import round_to_unit
from firstspike_spec import InputError, UserError

from .random_models import FORMS, random_inputs, random_model


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_units_round_folded_weights_best(form, bits):
    model = random_model(form, 1)
    quantise(model, bits)
    sources = sources_of(model)
    for layer in model.layers:
        folded = torch.cat([weight.flatten() for weight in folded_weights(layer, sources)])
        whole, unit = whole_weights(layer, sources)
        assert unit.item() == pytest.approx(best_scale(folded.detach(), bits))
        largest = 2 ** (bits - 1) - 1
        for weight in whole:
            assert (weight == weight.round()).all()
            assert weight.abs().max() <= largest
        assert max(weight.abs().max() for weight in whole) == largest


def test_bits_of_each_layer():
    model = random_model("residual", 0)
    quantise(model, [8, 4, 3, 4, 2, 5][: len(model.layers)])
    assert [layer.anchor.weight_bits for layer in model.layers] == [8, 4, 3, 4, 2][: len(model.layers)]
    with pytest.raises(
        InputError, match=f"weight_bits must be one number, or one for each of {len(model.layers)} layers, not 2"
    ):
        quantise(model, [4, 4])


@pytest.mark.parametrize(("bits", "message"), [(1, r"in 2 \.\. 8, not 1"), (9, r"in 2 \.\. 8, not 9"), (4.0, "whole number")])
def test_bits_out_of_range_are_refused(bits, message):
    with pytest.raises(UserError, match=message):
        quantise(random_model("dense", 0), bits)


def test_rounding_has_lsqs_gradients():
    """Esser et al. 2020, equation 3, of ``unit * rounded``: for weights beyond the largest, the largest itself."""
    values = torch.tensor([0.3, -0.8, 1.9, 6.0, -9.0], requires_grad=True)
    unit = torch.tensor(0.5, requires_grad=True)
    (unit * round_to_unit(values, unit, 7) * torch.tensor([1.0, 2, 3, 4, 5])).sum().backward()
    assert values.grad.tolist() == [1, 2, 3, 0, 0]
    by_unit = [1 - 0.6, -2 + 1.6, 4 - 3.8, 7, -7]
    assert unit.grad.item() == pytest.approx(sum(slope * part for slope, part in zip([1, 2, 3, 4, 5], by_unit, strict=True)))


def test_units_follow_weights_that_grow():
    model = random_model("maps", 0)
    quantise(model, 4)
    freeze_statistics(model)
    inputs = random_inputs(model, 4)
    layer = model.layers[0]
    before = layer.anchor.unit.item()
    with torch.no_grad():
        layer.anchor.weight.mul_(2)
    for _ in range(40):
        model.train()(inputs)
    assert layer.anchor.unit.item() == pytest.approx(2 * before, rel=0.05)


def test_units_are_learned():
    model = random_model("maps", 0)
    quantise(model, 3, learn_units=True)
    inputs = random_inputs(model, 16)
    units = [layer.anchor.log_unit for layer in model.layers]
    before = [unit.item() for unit in units]
    model.train()(inputs).square().sum().backward()
    assert all(unit.grad is not None and unit.grad.abs() > 0 for unit in units)
    torch.optim.SGD(units, lr=1e-2).step()
    model(inputs)
    assert all(unit.item() != old for unit, old in zip(units, before, strict=True))


def test_cut_connections_stay_cut():
    """They are 0 in every pass, get no gradient, and no optimiser's momentum brings them back."""
    model = random_model("maps", 0)
    inputs = random_inputs(model, 16)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=0.01)
    masks = {}
    for step in range(6):
        if step == 2:
            for module in model.modules():
                if isinstance(module, Conv2d | Linear):
                    masks[module] = torch.rand(module.weight.shape) < 0.5
                    module.cut(masks[module])
        if step == 4:
            quantise(model, 4, keep_connected=True)
        optimiser.zero_grad()
        model.train()(inputs).square().mean().backward()
        if masks:
            assert all(not module.weight.grad[~mask].any() for module, mask in masks.items())
        optimiser.step()
    sources = sources_of(model)
    for layer in model.layers:
        (whole,), _ = whole_weights(layer, sources)
        mask = masks[layer.anchor]
        assert not whole[~mask].any()
        assert (whole[mask] != 0).float().mean() > 0.999  # all of them, as asked for
    with pytest.raises(InputError, match=r"the mask must have the weights' shape, \(6, 1, 3, 3\), not \(3,\)"):
        model.layers[0].anchor.cut(torch.ones(3))


def advance(model, optimiser, inputs, steps):
    for _ in range(steps):
        optimiser.zero_grad()
        model.train()(inputs).square().mean().backward()
        optimiser.step()


@pytest.mark.parametrize("learn_units", [False, True])
def test_a_training_continues_from_its_state(learn_units):
    """In a new model, after a file: equal bit for bit. A deep copy does the same."""

    def begin():
        model = random_model("residual", 2)
        return model, torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    through, optimiser = begin()
    inputs = random_inputs(through, 16)
    through[1].cut(torch.rand(through[1].weight.shape) < 0.7)
    quantise(through, 4, learn_units=learn_units)
    freeze_statistics(through[2])
    advance(through, optimiser, inputs, 2)
    file = io.BytesIO()
    torch.save({"model": through.state_dict(), "optimiser": optimiser.state_dict()}, file)
    file.seek(0)
    copied = copy.deepcopy(through)
    second = torch.optim.SGD(copied.parameters(), lr=1e-3, momentum=0.9)
    second.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    advance(through, optimiser, inputs, 3)

    resumed, third = begin()
    state = torch.load(file, weights_only=True)
    resumed.load_state_dict(state["model"])
    third.load_state_dict(state["optimiser"])
    advance(resumed, third, inputs, 3)
    advance(copied, second, inputs, 3)
    for other in (resumed, copied):
        assert all(
            torch.equal(a, b)
            for a, b in zip(through.state_dict().values(), other.state_dict().values(), strict=True)
            if isinstance(a, torch.Tensor)
        )
        assert torch.equal(other.eval()(inputs), through.eval()(inputs))


def test_numbers_that_cannot_be_quantised_are_refused():
    model = random_model("pooled", 0)
    weight = model.layers[0].anchor.weight
    with torch.no_grad():
        kept = weight[0, 0, 0, 0].item()
        weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(
        InputError, match=r"1 \(Conv2d\): weight of Conv2d has values that are not finite; the training diverged"
    ):
        quantise(model)
    with torch.no_grad():
        weight[0, 0, 0, 0] = kept
        model.layers[0].spikes.log_step.fill_(1000)
    with pytest.raises(InputError, match=r"1 \(Conv2d\): the step of its Spikes is inf; lower its learning rate"):
        quantise(model)


def test_max_pooling_before_negative_gains_is_refused():
    for seed in range(8):
        model = random_model("pooled", seed)
        layer = model.layers[0]
        assert isinstance(layer.norm, BatchNorm2d)
        with torch.no_grad():
            layer.norm.weight[2] = -1
        if layer.pooled_first > 1:
            with pytest.raises(
                InputError, match="max pooling comes before a batch normalisation that has 1 gains of 0 or less"
            ):
                quantise(model)
        else:
            quantise(model)
