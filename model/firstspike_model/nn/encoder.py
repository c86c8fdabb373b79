"""Where a layered network begins: images or spike times become what each source's spike counts."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from firstspike_spec import InputError, InputTypeError
from firstspike_spec.common.checks import whole_number
from firstspike_spec.layered.input_code import InputCode
from firstspike_spec.layered.kernels import checked_kernel, linear_kernel


def kernel_of(kernel: int | ArrayLike) -> np.ndarray:
    """Return a kernel, or for a whole number ``T`` the linear one of ``T`` steps.

    Raises
    ------
    InputTypeError, InputError
        If it is not 2 .. 32 whole numbers, each at least 1 and less than the one before.
    """
    if isinstance(kernel, int | np.integer) and not isinstance(kernel, bool):
        kernel = linear_kernel(int(kernel))
    return checked_kernel(kernel, "kernel")


def rounding_thresholds(kernel: np.ndarray) -> np.ndarray:
    """Return the pixel thresholds that round a pixel's share of 255 to the nearest level of a kernel, int, shape (T,).

    The level of a spike at step ``t`` is ``kernel[t] / kernel[0]``. A pixel halfway between two levels counts as the larger.
    """
    levels = np.append(kernel, 0).astype(np.int64)
    return -(-255 * (levels[:-1] + levels[1:]) // (2 * levels[0]))


class SpikeSource(nn.Module):
    """What `LatencyEncoder` and `SpikeTimes` share: a table of what a spike at each step counts.

    Attributes
    ----------
    shape : tuple of int
        Of one input.
    kernel : ndarray of int, shape (T,)
    scale, offset : Tensor of float, shape (C,)
        A source of channel ``c`` has the value ``scale[c] * (k + offset[c])``, with ``k`` what its spike counts (0 without
        one).
    """

    scale: torch.Tensor
    offset: torch.Tensor

    def __init__(self, shape: Sequence[int], kernel: int | ArrayLike):
        super().__init__()
        self.shape = tuple(whole_number(side, "a side of the input", 1, 1 << 16) for side in shape)
        if not 1 <= len(self.shape) <= 3:
            raise InputError(f"the input's shape must have 1, 2 or 3 sides, not {self.shape}")
        self.kernel = kernel_of(kernel)
        channels = self.maps_shape[0] if len(self.shape) == 3 else 1
        self.register_buffer("scale", torch.full((channels,), 1 / int(self.kernel[0])), persistent=False)
        self.register_buffer("offset", torch.zeros(channels), persistent=False)

    @property
    def maps_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the sources; sources without a shape are channels."""
        match self.shape:
            case (sources,):
                return sources, 1, 1
            case (height, width):
                return 1, height, width
        channels, height, width = self.shape
        return channels, height, width

    @property
    def code(self) -> InputCode:
        """The input's code in the artefact."""
        return InputCode(self.kernel)

    @property
    def is_centred(self) -> bool:
        """Whether a source without a spike has a value other than 0."""
        return bool(self.offset.any())

    def levels(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what each source's spike counts, float32, shape (batch, \\*maps_shape); without a shape (batch, sources)."""
        raise NotImplementedError

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the value of each source, float32, shape (batch, \\*maps_shape); without a shape (batch, sources)."""
        levels = self.levels(inputs)
        if levels.ndim == 2:
            return self.scale * (levels + self.offset)
        return self.scale[:, None, None] * (levels + self.offset[:, None, None])

    def _check_shape(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the inputs with the shape (batch, \\*maps_shape) or (batch, sources), or raise `InputError`."""
        if tuple(inputs.shape[1:]) != self.shape:
            raise InputError(
                f"inputs must have the shape (batch, {', '.join(map(str, self.shape))}), not {tuple(inputs.shape)}"
            )
        return inputs if len(self.shape) == 1 else inputs.reshape(-1, *self.maps_shape)


class LatencyEncoder(SpikeSource):
    """Images to spikes: a brighter pixel spikes earlier, and an earlier spike counts more.

    Parameters
    ----------
    shape : sequence of int
        Of an image: ``(H, W)``, ``(C, H, W)``, or ``(pixels,)`` without a shape.
    kernel : int or array_like of int, shape (T,)
        What a spike at each step counts; a whole number ``T`` stands for the linear kernel ``T, T - 1, ..., 1``. The number of
        steps, 2 .. 32, may differ from that of the layers.
    thresholds : array_like of int, shape (T,) or (C, T), optional
        A pixel of channel ``c`` spikes at the first ``t`` with ``p >= thresholds[c, t]``. By default, a pixel's share of 255
        is rounded to the nearest level of the kernel (`rounding_thresholds`).
    mean, std : float or sequence of float, shape (C,), optional
        The values that the first layer sees are ``(share of 255 - mean) / std``. Export folds this into that layer. Padded
        places are like black pixels. By default 0 and 1.

    Raises
    ------
    InputTypeError, InputError
        If a table does not fall, a number is out of range, or there is not one for each channel.
    """

    table: torch.Tensor

    def __init__(
        self,
        shape: Sequence[int],
        kernel: int | ArrayLike = 16,
        thresholds: ArrayLike | None = None,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
    ):
        super().__init__(shape, kernel)
        channels = len(self.scale)
        table = rounding_thresholds(self.kernel) if thresholds is None else np.asarray(thresholds)
        if table.ndim == 1:
            table = np.tile(table, (channels, 1))
        self._code = InputCode(self.kernel, table)
        if len(table) != channels:
            raise InputError(f"thresholds must be one table, or one for each of {channels} channels, not {len(table)}")
        steps = (np.arange(256)[None, :, None] < table[:, None, :]).sum(axis=2)  # that a pixel does not reach
        levels = np.append(self.kernel, 0)[steps]
        self.register_buffer("table", torch.tensor(levels, dtype=torch.float32), persistent=False)
        means, stds = (_each_channel(value, name, channels) for value, name in ((mean, "mean"), (std, "std")))
        if not (stds > 0).all():
            raise InputError(f"std must be above 0, not {float(stds.min())}")
        self.offset.copy_(-means / self.scale)
        self.scale.div_(stds)

    @property
    def code(self) -> InputCode:
        """The input's code in the artefact."""
        return self._code

    def levels(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what each pixel's spike counts.

        Parameters
        ----------
        inputs : Tensor of uint8, shape (batch, \\*shape)

        Returns
        -------
        Tensor of float32, shape (batch, C, H, W), or (batch, pixels)

        Raises
        ------
        InputTypeError, InputError
            If the images are not uint8, or of another shape.
        """
        if inputs.dtype != torch.uint8:
            raise InputTypeError(f"images must be a tensor of uint8 (0 .. 255), not of {inputs.dtype}; scale and convert them")
        pixels = self._check_shape(inputs)
        if len(self.table) == 1 or bool((self.table == self.table[0]).all()):
            return self.table[0].take(pixels.long())
        first = torch.arange(len(self.table), device=pixels.device)[:, None, None] * 256
        return self.table.take(pixels.long() + first)


class SpikeTimes(SpikeSource):
    """Spikes that come from elsewhere, such as an event camera, by their times.

    Parameters
    ----------
    shape : sequence of int
        Of one input: ``(sources,)``, ``(H, W)`` or ``(C, H, W)``.
    kernel : int or array_like of int, shape (T,)
        As for `LatencyEncoder`.
    """

    table: torch.Tensor

    def __init__(self, shape: Sequence[int], kernel: int | ArrayLike):
        super().__init__(shape, kernel)
        self.register_buffer("table", torch.tensor(np.append(self.kernel, 0), dtype=torch.float32), persistent=False)

    def levels(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what each spike counts.

        Parameters
        ----------
        inputs : Tensor of an integer type, shape (batch, \\*shape)
            Steps ``0 .. T - 1``, or ``T`` for no spike.

        Returns
        -------
        Tensor of float32, shape (batch, C, H, W), or (batch, sources)

        Raises
        ------
        InputTypeError, InputError
            If the times are not integers, out of range, or of another shape.
        """
        if inputs.dtype.is_floating_point or inputs.dtype == torch.bool:
            raise InputTypeError(f"spike times must be a tensor of integers, not of {inputs.dtype}")
        times = self._check_shape(inputs).long()
        steps = len(self.kernel)
        if times.numel() and not 0 <= int(times.min()) <= int(times.max()) <= steps:
            raise InputError(f"spike times must be in 0 .. {steps}, not {int(times.min())} .. {int(times.max())}")
        return self.table.take(times)


def _each_channel(value: float | Sequence[float], name: str, channels: int) -> torch.Tensor:
    """Return a number for each channel, float32, shape (channels,)."""
    numbers = torch.as_tensor(value, dtype=torch.float32)
    if numbers.ndim > 1 or numbers.numel() not in (1, channels):
        raise InputError(f"{name} must be one number, or one for each of {channels} channels, not {numbers.tolist()}")
    if not numbers.isfinite().all():
        raise InputError(f"{name} must be finite, not {numbers.tolist()}")
    return numbers.expand(channels).clone()
