"""Layered networks in PyTorch: modules, quantisation and export. Users import them as `firstspike.nn`.

A layered network (``docs/contract.md``) is an ordinary network whose activations have few levels. A spike at step ``t`` counts
``k[t]``, the *kernel*, and no spike counts 0; so a neuron that rounds its potential to a level of the kernel, and one that
spikes at the first falling threshold that its potential reaches, are the same. ::

    model = Sequential(
        LatencyEncoder((3, 32, 32), 16, mean=(0.49, 0.48, 0.45), std=(0.25, 0.24, 0.26)),
        Conv2d(3, 64, 3, padding=1), MaxPool2d(2), BatchNorm2d(64), Spikes(8),
        Residual(Sequential(Conv2d(64, 64, 3, padding=1), BatchNorm2d(64), Spikes(8), Conv2d(64, 64, 3, padding=1))),
        BatchNorm2d(64), Spikes(8),
        AvgPool2d(4), Flatten(), Linear(64 * 4 * 4, 10),
    )

**Layers.** `Sequential` reads its modules as layers: connections (`Conv2d`, `Linear`, or a `Residual` sum of several), max
pooling, batch normalisation, and `Spikes`, which end the layer. Between layers, spikes are passed on as the whole numbers
``k[t]``; what one of them is worth, the *step* of the `Spikes`, is a factor of the weights that read them. All that is not a
whole number is a factor of weights or a constant of a channel in the end, so it folds away: steps, batch normalisation, the
factor of average pooling, and the encoder's mean and standard deviation.

**Quantisation.** `quantise` gives each layer a *unit*. From then on, the forward pass rounds the folded weights to whole
numbers of units. A potential is a whole number of units too, so an initial potential is rounded to units, and a threshold is
halfway between two levels, in units, rounded up. While batch normalisation uses the statistics of the batch, only weights are
rounded, with the gains of the running variances; `freeze_statistics` changes that, in two steps. In ``eval()``, everything is
rounded, and the sums are exact.

**Export.** `export` writes the whole numbers as a network that `firstspike_spec` saves, runs and compares. `IntegerNetwork` is
the exact network as a module of PyTorch. It agrees with `firstspike_spec.infer` in every value, and with the model in
``eval()``.

**Pruning.** `GradR` and `STDS` prune while they train, with Adam; `NesterovGradR` and `NesterovSTDS` with momentum.
``prune_to`` steers them to a budget, and ``cut`` of a `Conv2d` or `Linear` makes the result final.

The classes of step-by-step networks are here too (`FirstSpikeLayer`, `FirstSpikeClassifier`), and `export` takes both kinds.
"""

from firstspike_spec.layered.kernels import base_two_kernel, linear_kernel

from ..inference.torch_setup import prepare_torch
from ..layers.classifier import FirstSpikeClassifier
from ..layers.layer import FirstSpikeLayer
from ..pruning import STDS, GradR, NesterovGradR, NesterovSTDS, cut_to_budget
from .encoder import LatencyEncoder, SpikeTimes
from .export import export, freeze_statistics, quantise
from .integer_network import IntegerNetwork
from .modules import AvgPool2d, BatchNorm1d, BatchNorm2d, Conv2d, Flatten, Linear, MaxPool2d, Residual
from .sequential import Sequential
from .spikes import Spikes

__all__ = [
    "STDS",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv2d",
    "FirstSpikeClassifier",
    "FirstSpikeLayer",
    "Flatten",
    "GradR",
    "IntegerNetwork",
    "LatencyEncoder",
    "Linear",
    "MaxPool2d",
    "NesterovGradR",
    "NesterovSTDS",
    "Residual",
    "Sequential",
    "SpikeTimes",
    "Spikes",
    "base_two_kernel",
    "cut_to_budget",
    "export",
    "freeze_statistics",
    "linear_kernel",
    "prepare_torch",
    "quantise",
]
