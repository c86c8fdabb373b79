"""Small random layered models of every form, and random inputs for them."""

import numpy as np
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
    SpikeTimes,
    base_two_kernel,
    linear_kernel,
)

FORMS = ["dense", "direct", "maps", "pooled", "residual", "strided", "times"]


def random_model(form: str, seed: int) -> Sequential:
    """A model with random parameters and statistics; no two channels alike."""
    generator = np.random.default_rng(seed)
    torch.manual_seed(seed)
    steps = int(generator.integers(2, 9))
    kernel = linear_kernel(steps) if generator.random() < 0.6 else base_two_kernel(steps)

    def spikes() -> Spikes:
        return Spikes(kernel, step=float(generator.uniform(0.5, 4)) / int(kernel[0]))

    def pair() -> list[torch.nn.Module]:
        """Max pooling before or after batch normalisation."""
        modules = [MaxPool2d(2), BatchNorm2d(6)]
        return modules[:: 1 if generator.random() < 0.5 else -1]

    colour = LatencyEncoder((3, 9, 8), int(generator.integers(2, 17)), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25))
    match form:
        case "dense":
            modules = [
                LatencyEncoder((30,), 6),
                Linear(30, 12, bias=False),
                BatchNorm1d(12),
                spikes(),
                Linear(12, 5),
                spikes(),
            ]
            modules += [Linear(5, 4)]
        case "direct":
            modules = [colour, Residual(Residual(Conv2d(3, 3, 3, padding=1)), Conv2d(3, 3, 1)), BatchNorm2d(3), spikes()]
            modules += [Flatten(), Linear(216, 4)]
        case "maps":
            modules = [LatencyEncoder((9, 8), kernel), Conv2d(1, 6, 3, padding=1), spikes()]
            modules += [Conv2d(6, 5, (3, 2), padding=1), BatchNorm2d(5), spikes(), Flatten(), Linear(5 * 9 * 9, 4)]
        case "pooled":
            modules = [colour, Conv2d(3, 6, 3, padding=1), *pair(), spikes(), AvgPool2d(3)]
            modules += [Conv2d(6, 7, 2, padding=1), spikes(), MaxPool2d(2), Flatten(), Linear(7, 4), BatchNorm1d(4)]
        case "residual":
            body = Sequential(Conv2d(6, 8, 3, padding=1), BatchNorm2d(8), spikes(), Conv2d(8, 6, 3, padding=1), BatchNorm2d(6))
            shortcut = Conv2d(6, 10, 1, stride=2) if generator.random() < 0.5 else Sequential(AvgPool2d(2), Conv2d(6, 10, 1))
            down = Residual(Conv2d(6, 10, 3, stride=2, padding=1), shortcut)
            modules = [colour, Conv2d(3, 6, 2), BatchNorm2d(6), spikes(), Residual(body), *pair(), spikes()]
            modules += [down, BatchNorm2d(10), spikes(), AvgPool2d(2), Flatten(), Linear(10, 4)]
        case "strided":
            modules = [
                colour,
                AvgPool2d(2),
                Conv2d(3, 6, 3, stride=2, padding=2),
                BatchNorm2d(6),
                spikes(),
            ]
            modules += [Residual(Residual(Conv2d(6, 6, 3, padding=1), Conv2d(6, 6, 1)))]
            modules += [BatchNorm2d(6), spikes(), Conv2d(6, 4, (4, 3))]
        case "times":
            modules = [
                SpikeTimes((2, 5, 5), int(generator.integers(2, 9))),
                Conv2d(2, 6, 3),
                spikes(),
                Flatten(),
                Linear(54, 4),
            ]
    model = Sequential(*modules)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, BatchNorm1d | BatchNorm2d):
                module.weight.uniform_(0.5, 2)
                module.bias.uniform_(-0.5, 1)
                module.running_mean.uniform_(-0.5, 0.5)
                module.running_var.uniform_(0.1, 2)
            elif isinstance(module, Conv2d | Linear):
                module.weight.mul_(2)
    return model


def random_inputs(model: Sequential, count: int, seed: int = 0) -> torch.Tensor:
    """Random images, or spike times for models that take these."""
    generator = torch.Generator().manual_seed(seed)
    source = model.source
    if isinstance(source, SpikeTimes):
        return torch.randint(0, len(source.kernel) + 1, (count, *source.shape), generator=generator, dtype=torch.int16)
    return torch.randint(0, 256, (count, *source.shape), generator=generator, dtype=torch.uint8)
