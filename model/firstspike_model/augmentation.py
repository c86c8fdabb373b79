"""Variations of training images."""

import torch
from torch.nn import functional


class RandomShifts:
    """Images, each moved by a random number of pixels whenever it is taken.

    Parameters
    ----------
    images : Tensor of uint8, shape (count, height, width)
    largest : int
        Images move by at most so many pixels up, down, left and right; what comes in is dark. 0 leaves them in place.
    generator : torch.Generator
    """

    def __init__(self, images: torch.Tensor, largest: int, generator: torch.Generator):
        self.generator = generator
        _, height, width = images.shape
        # Views of every placement at once: taking a batch is a single copy of its pixels.
        padded = functional.pad(images, (largest, largest, largest, largest))
        self._placements = padded.unfold(1, height, 1).unfold(2, width, 1)

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        """Return the images at ``indices``, moved: uint8, shape (len(indices), height, width)."""
        places = self._placements.shape[1]
        down, right = torch.randint(places, (2, len(indices)), generator=self.generator)
        return self._placements[indices, down, right]
