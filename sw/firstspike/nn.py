"""Layered networks in PyTorch, to be trained and exported; `firstspike_model.nn` describes them.

Needs PyTorch: ``pip install 'firstspike[model]'``.
"""

from firstspike_spec.common.errors import needing

with needing("model", "PyTorch", "torch", what="firstspike.nn"):
    from firstspike_model.nn import (
        STDS,
        AvgPool2d,
        BatchNorm1d,
        BatchNorm2d,
        Conv2d,
        FirstSpikeClassifier,
        FirstSpikeLayer,
        Flatten,
        GradR,
        IntegerNetwork,
        LatencyEncoder,
        Linear,
        MaxPool2d,
        NesterovGradR,
        NesterovSTDS,
        Residual,
        Sequential,
        Spikes,
        SpikeTimes,
        base_two_kernel,
        cut_to_budget,
        export,
        freeze_statistics,
        linear_kernel,
        prepare_torch,
        quantise,
    )

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
