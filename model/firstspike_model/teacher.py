"""The teacher: an ordinary convolutional network, whose answers a first-spike network learns from (distillation)."""

import torch
from torch import nn
from torch.nn import functional

from .synapses import gradient_type

#: Target channels and stride of each convolution, for images of 28 x 28 pixels or so.
CONVOLUTIONS = ((32, 1), (48, 2), (96, 1), (128, 2), (256, 1))


class Teacher(nn.Module):
    """3 x 3 convolutions with batch normalisation and ReLU, the mean over all places, and a linear layer.

    Only training sees it: what it knows of how alike the classes are in an image tells a pupil more than the label does
    (Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network", arXiv 1503.02531).

    Parameters
    ----------
    classes : int
    seed : int
        Draws the weights.
    """

    def __init__(self, classes: int, seed: int):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers: list[nn.Module] = [nn.BatchNorm2d(1, affine=False)]
            channels = 1
            for targets, stride in CONVOLUTIONS:
                layers += [nn.Conv2d(channels, targets, 3, stride, 1, bias=False), nn.BatchNorm2d(targets), nn.ReLU()]
                channels = targets
            layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
            self._layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits: images uint8, shape (batch, height, width), to float32, shape (batch, classes)."""
        pixels = images[:, None].float().contiguous(memory_format=torch.channels_last)
        kind = gradient_type(images.device.type)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=kind == torch.bfloat16):
            return self._layers(pixels).float()

    @torch.no_grad()
    def answers(self, images: torch.Tensor, temperature: float) -> torch.Tensor:
        """Return the classes' probabilities, shape (batch, classes); the higher the temperature, the more alike."""
        return functional.softmax(self(images) / temperature, dim=1)
