"""Augmentation: random variations of training images."""

import math

import torch
from torch.nn import functional


class RandomVariations:
    """Images that are moved, mirrored, rotated, scaled and made brighter or darker at random, differently each time.

    Parameters
    ----------
    images : Tensor of uint8, shape (count, height, width) or (count, channels, height, width)
    largest_shift : int
        Images move by at most this many pixels up, down, left and right; new pixels are 0. 0 leaves them in place.
    mirrored : bool
        Whether half of the images, drawn again each time, are mirrored left to right.
    brightness : float
        At least 0: pixels are multiplied by ``exp(u)`` and limited to 255, with one ``u`` per image, uniform over
        ``-brightness .. brightness``. 0 changes nothing.
    generator : torch.Generator
        On the CPU, so that all devices draw the same numbers.
    largest_rotation : float
        Images are rotated by at most this many degrees either way.
    largest_scaling : float
        At least 0 and below 1: images are scaled by a factor of at most 1 plus or minus this.
    reflected : bool
        Whether new pixels of moved images are reflections instead of 0.
    alternating : bool
        Whether each image is mirrored in every other epoch; which ones in the first, is drawn once.
    cutout : int
        Side of a square, at a random place inside the image, that is filled with the mean of all images; 0 for none.

    Attributes
    ----------
    epoch : int
        The number of the epoch, which decides what is mirrored if ``alternating``.
    """

    def __init__(
        self,
        images: torch.Tensor,
        largest_shift: int,
        mirrored: bool,
        brightness: float,
        generator: torch.Generator,
        *,
        largest_rotation: float = 0.0,
        largest_scaling: float = 0.0,
        reflected: bool = False,
        alternating: bool = False,
        cutout: int = 0,
    ):
        self.generator, self.mirrored, self.brightness = generator, mirrored, brightness
        self.largest_rotation, self.largest_scaling = largest_rotation, largest_scaling
        height, width = images.shape[-2:]
        rows = images.ndim - 2
        # Views of all placements: a batch then takes a single copy of its pixels.
        if reflected and largest_shift:
            maps = images.reshape(len(images), -1, height, width)
            padded = functional.pad(maps.float(), (largest_shift,) * 4, mode="reflect").to(torch.uint8)
            padded = padded.reshape(*images.shape[:-2], *padded.shape[-2:])
        else:
            padded = functional.pad(images, (largest_shift,) * 4)
        placements = padded.unfold(rows, height, 1).unfold(rows + 1, width, 1)
        self._placements = placements.movedim((rows, rows + 1), (1, 2))
        self.epoch, self._cutout = 0, cutout
        self._mirrored_first = torch.rand(len(images), generator=generator) < 0.5 if alternating else None
        self._mean = round(float(images.float().mean())) if cutout else 0

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        """Return variations of the images at ``indices``: uint8, of the same shape."""
        device = self._placements.device
        places = self._placements.shape[1]
        down, right = torch.randint(places, (2, len(indices)), generator=self.generator).to(device)
        images = self._placements[indices.to(device), down, right]
        if self.mirrored:
            chosen = torch.rand(len(indices), generator=self.generator).to(device) < 0.5
            images = torch.where(_for_each(chosen, images), images.flip(-1), images)
        if self._mirrored_first is not None:
            chosen = (self._mirrored_first[indices] ^ bool(self.epoch % 2)).to(device)
            images = torch.where(_for_each(chosen, images), images.flip(-1), images)
        if self.largest_rotation or self.largest_scaling:
            images = self._turned(images)
        if self.brightness:
            exponents = (2 * torch.rand(len(indices), generator=self.generator) - 1) * self.brightness
            images = (images * _for_each(exponents.exp().to(device), images)).round_().clamp_(max=255).to(torch.uint8)
        return self._cut_out(images) if self._cutout else images

    def _cut_out(self, images: torch.Tensor) -> torch.Tensor:
        """Return the images with a square of each filled with the mean."""
        inside = []
        for side in images.shape[-2:]:
            start = torch.randint(max(1, side - self._cutout + 1), (len(images), 1), generator=self.generator)
            places = torch.arange(side)
            inside.append(((places >= start) & (places < start + self._cutout)).to(images.device))
        square = inside[0][:, :, None] & inside[1][:, None, :]
        return images.masked_fill(square if images.ndim == 3 else square[:, None], self._mean)

    def _turned(self, images: torch.Tensor) -> torch.Tensor:
        """Return the images rotated and scaled about their centres, each by its own random numbers."""
        angles, scales = 2 * torch.rand(2, len(images), generator=self.generator).to(images.device) - 1
        angles, scales = angles * math.radians(self.largest_rotation), 1 / (1 + scales * self.largest_scaling)
        cosines, sines, zeros = scales * angles.cos(), scales * angles.sin(), torch.zeros_like(angles)
        flat = images.shape[-2] / images.shape[-1]  # coordinates run from -1 to 1 in both directions
        turns = torch.stack([cosines, -sines * flat, zeros, sines / flat, cosines, zeros], dim=1).reshape(-1, 2, 3)
        pixels = images.reshape(len(images), -1, *images.shape[-2:]).float()
        places = functional.affine_grid(turns, list(pixels.shape), align_corners=False)
        turned = functional.grid_sample(pixels, places, align_corners=False)
        return turned.reshape(images.shape).round_().clamp_(0, 255).to(torch.uint8)


def _for_each(numbers: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Return numbers, one per image, in a shape that broadcasts over the pixels."""
    return numbers.reshape(-1, *(1,) * (images.ndim - 1))
