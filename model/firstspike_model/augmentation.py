"""Variations of training images."""

import torch
from torch.nn import functional


class RandomVariations:
    """Images, each moved, mirrored and made brighter or darker at random, whenever it is taken.

    Parameters
    ----------
    images : Tensor of uint8, shape (count, height, width)
    largest_shift : int
        Images move by at most so many pixels up, down, left and right; what comes in is dark. 0 leaves them in place.
    mirrored : bool
        Whether half of the images, drawn anew each time, are turned left to right.
    brightness : float
        At least 0: pixels are multiplied by ``exp(u)``, with one ``u`` an image, even over ``-brightness .. brightness``,
        and cut at 255. 0 leaves them as they are.
    generator : torch.Generator
        On the CPU, so that every device draws the same.
    """

    def __init__(
        self, images: torch.Tensor, largest_shift: int, mirrored: bool, brightness: float, generator: torch.Generator
    ):
        self.generator, self.mirrored, self.brightness = generator, mirrored, brightness
        _, height, width = images.shape
        # Views of every placement at once: taking a batch is a single copy of its pixels.
        padded = functional.pad(images, (largest_shift,) * 4)
        self._placements = padded.unfold(1, height, 1).unfold(2, width, 1)

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        """Return the images at ``indices``, varied: uint8, shape (len(indices), height, width)."""
        device = self._placements.device
        places = self._placements.shape[1]
        down, right = torch.randint(places, (2, len(indices)), generator=self.generator).to(device)
        images = self._placements[indices.to(device), down, right]
        if self.mirrored:
            chosen = torch.rand(len(indices), generator=self.generator).to(device) < 0.5
            images = torch.where(chosen[:, None, None], images.flip(2), images)
        if self.brightness:
            exponents = (2 * torch.rand(len(indices), generator=self.generator) - 1) * self.brightness
            images = (images * exponents.exp().to(device)[:, None, None]).round_().clamp_(max=255).to(torch.uint8)
        return images
