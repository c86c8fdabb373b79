"""Modules in an order that no layer has, and sizes that do not fit, are each refused with one clear message."""

import pytest
import torch

from firstspike_model.nn import (
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    LatencyEncoder,
    Linear,
    MaxPool2d,
    Residual,
    Sequential,
    Spikes,
    base_two_kernel,
)
from firstspike_spec import InputError, InputTypeError, UserError


def image() -> LatencyEncoder:
    return LatencyEncoder((8, 8), 4)


def head() -> list[torch.nn.Module]:
    """From 4 channels of 8 x 8 to scores."""
    return [Flatten(), Linear(256, 3)]


def first() -> list[torch.nn.Module]:
    return [image(), Conv2d(1, 4, 3, padding=1), Spikes()]


REFUSED = {
    "no encoder is needed where spikes come from": (
        lambda: Sequential(Conv2d(1, 4, 3), Spikes(), Flatten(), Linear(144, 2)).layers,
        "a network begins with LatencyEncoder or SpikeTimes",
    ),
    "spikes at the end": (
        lambda: Sequential(*first(), *head(), Spikes()),
        r"the last layer gives the classes' scores: end with Conv2d or Linear .* no Spikes",
    ),
    "two sums": (
        lambda: Sequential(image(), Conv2d(1, 4, 3), Conv2d(4, 4, 3)),
        r"2 \(Conv2d\) is out of order: a layer's sum must become Spikes before the next one; the order of a layer is",
    ),
    "two sums, linear": (
        lambda: Sequential(LatencyEncoder((8,)), Linear(8, 4), Linear(4, 2)),
        r"2 \(Linear\) is out of order: a layer's sum must become Spikes",
    ),
    "no sum": (lambda: Sequential(*first(), Spikes(), *head()), r"3 \(Spikes\) is out of order: it comes after Conv2d"),
    "normalised spikes": (
        lambda: Sequential(*first(), BatchNorm2d(4), *head()),
        r"3 \(BatchNorm2d\) is out of order: there is at most one in a layer, after Conv2d",
    ),
    "normalised twice": (
        lambda: Sequential(image(), Conv2d(1, 4, 3), BatchNorm2d(4), BatchNorm2d(4), Spikes(), *head()),
        r"3 \(BatchNorm2d\) is out of order",
    ),
    "average of sums": (
        lambda: Sequential(image(), Conv2d(1, 4, 3), AvgPool2d(2), Spikes(), *head()),
        r"2 \(AvgPool2d\) is out of order: average pooling is of spikes",
    ),
    "max of the input": (
        lambda: Sequential(image(), MaxPool2d(2), Conv2d(1, 4, 3), Spikes(), *head()),
        r"1 \(MaxPool2d\) is out of order: max pooling is of a layer's neurons",
    ),
    "max at the head of a branch": (
        lambda: Sequential(*first(), Residual(Sequential(MaxPool2d(2), Conv2d(4, 4, 3))), Spikes(), *head()),
        r"3 \(Residual\) body 0 \(MaxPool2d\) is out of order",
    ),
    "max at the end": (
        lambda: Sequential(image(), Conv2d(1, 4, 3), MaxPool2d(2)),
        "the last layer has no Spikes, so it cannot",
    ),
    "max at the end of a branch": (
        lambda: Sequential(*first(), Residual(Sequential(Conv2d(4, 4, 3, padding=1), MaxPool2d(2))), Spikes(), *head()),
        r"3 \(Residual\) body ends with MaxPool2d",
    ),
    "too much max": (
        lambda: Sequential(LatencyEncoder((32, 32)), Conv2d(1, 4, 1), MaxPool2d(4), Spikes(), MaxPool2d(4), *head()),
        r"4 \(MaxPool2d\): max pooling must be at most 8 in all, not 16",
    ),
    "max of nothing": (
        lambda: Sequential(image(), Conv2d(1, 4, 6), MaxPool2d(4), Spikes(), *head()),
        "max pooling by 4 leaves nothing of maps of 4 x 3 x 3",
    ),
    "too much average": (
        lambda: Sequential(LatencyEncoder((32, 32)), AvgPool2d(4), AvgPool2d(4), Conv2d(1, 4, 1), Spikes(), *head()),
        "average pooling must be at most 8 in all, not 16",
    ),
    "maps into linear": (
        lambda: Sequential(*first(), Linear(256, 3)),
        r"3 \(Linear\) is out of order: put Flatten before it, because its sources are maps",
    ),
    "flat into maps": (
        lambda: Sequential(*first(), Flatten(), Conv2d(4, 4, 3)),
        r"4 \(Conv2d\) is out of order: it needs maps",
    ),
    "flat twice": (lambda: Sequential(*first(), Flatten(), *head()), r"4 \(Flatten\) is out of order"),
    "flat and nothing": (lambda: Sequential(*first(), Flatten()), "must come Conv2d or Linear"),
    "channels": (lambda: Sequential(*first(), Conv2d(5, 4, 3)), r"3 \(Conv2d\) has 5 input channels, but its sources have 4"),
    "inputs": (lambda: Sequential(*first(), Flatten(), Linear(255, 3)), r"4 \(Linear\) has 255 inputs, but 256 sources"),
    "normalised channels": (
        lambda: Sequential(image(), Conv2d(1, 4, 3), BatchNorm2d(5), Spikes(), *head()),
        r"2 \(BatchNorm2d\) has 5 channels, but what it normalises has 4",
    ),
    "normalised the wrong way": (
        lambda: Sequential(image(), Conv2d(1, 4, 3), BatchNorm1d(4), Spikes(), *head()),
        "after Conv2d comes BatchNorm2d",
    ),
    "kernel larger than maps": (
        lambda: Sequential(image(), Conv2d(1, 4, 9), Spikes(), *head()),
        r"1 \(Conv2d\), with sources of 1 x 8 x 8: kernel_height must be in 1 \.\. 8, not 9",
    ),
    "a skip of another size": (
        lambda: Sequential(*first(), Residual(Conv2d(4, 4, 3, stride=2, padding=1)), Spikes(), *head()),
        r"3 \(Residual\): the body gives 4 x 4 x 4 and the shortcut 4 x 8 x 8; give Residual a shortcut of the body's size",
    ),
    "a skip of other channels": (
        lambda: Sequential(*first(), Residual(Conv2d(4, 6, 3, padding=1)), Spikes(), *head()),
        "the body gives 6 x 8 x 8 and the shortcut 4 x 8 x 8",
    ),
    "a branch that fires": (
        lambda: Sequential(*first(), Residual(Sequential(Conv2d(4, 4, 1), Spikes())), Spikes(), *head()),
        "body must end with Conv2d, Linear or a batch normalisation; the sum's Spikes come after Residual",
    ),
    "a branch with the norm of a sum": (
        lambda: Sequential(
            *first(), Residual(Sequential(Residual(Conv2d(4, 4, 1)), BatchNorm2d(4))), BatchNorm2d(4), Spikes(), *head()
        ),
        "body ends with the normalisation of a sum; put it after the outer Residual",
    ),
    "average before a sum": (
        lambda: Sequential(*first(), AvgPool2d(2), Residual(Conv2d(4, 4, 1)), Spikes(), *head()),
        "put what comes before it into both of its branches",
    ),
    "two kernels": (
        lambda: Sequential(image(), Conv2d(1, 4, 1), Spikes(4), Conv2d(4, 4, 1), Spikes(8), *head()),
        r"all Spikes of a network must have one kernel, not \[4, 3, 2, 1\] and \[8,",
    ),
    "PyTorch's own": (
        lambda: Sequential(image(), torch.nn.Conv2d(1, 4, 3), Spikes(), *head()),
        r"1 \(Conv2d\) is PyTorch's own; use that of firstspike.nn",
    ),
    "another module": (
        lambda: Sequential(image(), Conv2d(1, 4, 3), torch.nn.ReLU(), *head()),
        r"2 \(ReLU\) is no part of a layered network; the order of a layer is",
    ),
    "two encoders": (lambda: Sequential(image(), image(), Conv2d(1, 4, 3)), "must be the first module of a network"),
    "no module": (lambda: Residual(3), "the body of Residual must be a module, not int"),
    "stride": (lambda: Conv2d(1, 4, 3, stride=3), r"stride must be in 1 \.\. 2, not 3"),
    "padding": (lambda: Conv2d(1, 4, 3, padding=3), r"padding must be in 0 \.\. 2, not 3"),
    "pooling": (lambda: MaxPool2d(9), r"max pooling must be in 1 \.\. 8, not 9"),
    "a kernel that does not fall": (lambda: Spikes([3, 3, 1]), "kernel"),
    "T": (lambda: Spikes(33), r"time_steps must be in 2 \.\. 32, not 33"),
    "one step": (lambda: LatencyEncoder((8, 8), 1), r"time_steps must be in 2 \.\. 32, not 1"),
    "a step of nothing": (lambda: Spikes(8, step=0.0), "step must be above 0, not 0.0"),
    "a gradient from nowhere": (lambda: Spikes(8, below=-1.0), "below and above must be at least 0, not -1.0 and 0.0"),
    "a smooth gradient from zero": (lambda: Spikes(8, below=0.0, smooth=True), "below must be above 0 for a smooth gradient"),
    "thresholds": (lambda: LatencyEncoder((2, 8, 8), 2, [[200, 100]] * 3), "one for each of 2 channels, not 3"),
    "rising thresholds": (lambda: LatencyEncoder((8, 8), 2, [100, 200]), "thresholds must not rise"),
    "std": (lambda: LatencyEncoder((8, 8), 2, std=0.0), "std must be above 0, not 0.0"),
    "mean": (lambda: LatencyEncoder((3, 8, 8), 2, mean=(0.5, 0.5)), "mean must be one number, or one for each of 3 channels"),
    "float images": (lambda: Sequential(*first(), *head())(torch.rand(1, 8, 8)), "images must be a tensor of uint8"),
    "other images": (
        lambda: Sequential(*first(), *head())(torch.zeros(1, 8, 9, dtype=torch.uint8)),
        r"inputs must have the shape \(batch, 8, 8\), not \(1, 8, 9\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_network_is_refused(name):
    make, message = REFUSED[name]
    with pytest.raises(UserError, match=message) as caught:
        make()
    assert isinstance(caught.value, InputError | InputTypeError)


def test_layers_are_read():
    inner = Sequential(
        Conv2d(4, 6, 3, padding=1), BatchNorm2d(6), Spikes(), Conv2d(6, 8, 3, stride=2, padding=1), BatchNorm2d(8)
    )
    model = Sequential(*first(), Residual(inner, Conv2d(4, 8, 1, stride=2)), MaxPool2d(2), Spikes(), Flatten(), Linear(32, 3))
    start, body, total, last = model.layers
    assert [layer.shape for layer in model.layers] == [(4, 8, 8), (6, 8, 8), (8, 4, 4), (3, 1, 1)]
    assert [branch.source for branch in total.branches] == [2, 1]
    assert (body.branches[0].source, last.branches[0].source, start.branches[0].source) == (1, 3, 0)
    assert total.spike_shape == (8, 2, 2)
    assert total.branches[0].norm is inner[-1]
    assert total.norm is None


def test_max_pooling_multiplies():
    """Before and after batch normalisation and after Spikes, it is one pooling of the artefact's."""
    for modules, first, last in (
        ([MaxPool2d(2), BatchNorm2d(4), MaxPool2d(2), Spikes(), MaxPool2d(2)], 2, 4),
        ([BatchNorm2d(4), Spikes(), MaxPool2d(4), MaxPool2d(2)], 1, 8),
        ([MaxPool2d(3), Spikes(), MaxPool2d(2)], 3, 2),
    ):
        layer = Sequential(LatencyEncoder((19, 17)), Conv2d(1, 4, 1), *modules, Conv2d(4, 3, 1)).layers[0]
        assert (layer.pooled_first, layer.pooled_last, layer.pooling) == (first, last, first * last)
        assert layer.spike_shape == (4, 19 // (first * last), 17 // (first * last))


def test_layers_follow_changed_modules():
    model = Sequential(*first(), *head())
    assert len(model.layers) == 2
    model[-1] = Linear(256, 7)
    assert model.layers[-1].shape == (7, 1, 1)
    assert model(torch.zeros(2, 8, 8, dtype=torch.uint8)).shape == (2, 7)


def test_kernels_of_layers_and_input_may_differ():
    model = Sequential(LatencyEncoder((8, 8), 16), Conv2d(1, 4, 3, padding=1), Spikes(base_two_kernel(4)), *head())
    assert model.source.kernel.tolist() == list(range(16, 0, -1))
    assert model.layers[0].spikes.kernel.tolist() == [8, 4, 2, 1]
