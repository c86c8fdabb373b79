"""Maps: how the sources and the neurons of a layer are laid out, and which of them a weight connects."""

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from ..common.checks import whole_number
from ..common.errors import InputError, InputTypeError
from ..common.text import quoted

#: Most neurons of a layer, and most sources.
MAX_NEURONS = 1 << 16

MAX_POOLING = 8
MAX_STRIDE = 2

#: Most taps of all neurons of a channel together, and most places of the padded source maps: the golden model holds both.
MAX_WINDOWS, MAX_PLACES = 1 << 24, 1 << 22


@dataclass(frozen=True)
class Maps:
    """A layer's sources as maps, and the window through which each neuron sees them.

    Source ``(c, y, x)`` has the number ``(c * height + y) * width + x``. Pooling joins ``pooling`` times ``pooling`` sources
    into one place: a spike at ``(y, x)`` counts at ``(y // pooling, x // pooling)``, and a place can count several spikes.
    A neuron at ``(y, x)`` of any target channel sees the places ``(y * stride + dy - padding, x * stride + dx - padding)`` of
    every source channel for ``0 <= dy < kernel_height`` and ``0 <= dx < kernel_width``, where they exist. It sees each of them
    through *tap* ``(c, dy, dx)``, number ``(c * kernel_height + dy) * kernel_width + dx``. All neurons of a target channel
    share the weight of a tap.

    In a fully connected layer the window is the whole (pooled) map: one neuron per target channel, one tap per place.
    `Maps.flat` is a fully connected layer without maps.

    Parameters
    ----------
    channels, height, width : int
        Of the sources; their product is at most 65536.
    kernel_height, kernel_width : int
        Of the window: larger than ``padding``, at most as large as the padded, pooled maps.
    pooling : int
        1 .. 8.
    stride : int
        1 or 2.
    padding : int
        Rows and columns without spikes on each side of the pooled maps, less than the kernel's sides.

    Raises
    ------
    InputTypeError, InputError
        If a size is out of range, or the kernel is larger than the padded maps.
    """

    channels: int
    height: int
    width: int
    kernel_height: int
    kernel_width: int
    pooling: int = 1
    stride: int = 1
    padding: int = 0

    def __post_init__(self) -> None:
        def check(name: str, low: int, high: int) -> None:
            object.__setattr__(self, name, whole_number(getattr(self, name), name, low, high))

        for name in ("channels", "height", "width"):
            check(name, 1, MAX_NEURONS)
        whole_number(self.sources, "number of sources", 1, MAX_NEURONS)
        check("pooling", 1, MAX_POOLING)
        check("stride", 1, MAX_STRIDE)
        check("padding", 0, MAX_NEURONS)
        for name, side in (("kernel_height", self.pooled_height), ("kernel_width", self.pooled_width)):
            check(name, self.padding + 1, side + 2 * self.padding)
        places = self.channels * (self.pooled_height + 2 * self.padding) * (self.pooled_width + 2 * self.padding)
        whole_number(places, "number of places of the padded maps", 1, MAX_PLACES)
        whole_number(self.positions * self.taps, "neurons of a channel times taps of each", 1, MAX_WINDOWS)

    @classmethod
    def flat(cls, sources: int) -> "Maps":
        """Return the maps of a fully connected layer whose sources have no shape."""
        return cls(sources, 1, 1, 1, 1)

    @classmethod
    def whole(cls, channels: int, height: int, width: int, pooling: int = 1) -> "Maps":
        """Return the maps of a fully connected layer that sees all of its (pooled) source maps."""
        return cls(channels, height, width, -(-height // pooling), -(-width // pooling), pooling)

    @classmethod
    def from_dict(cls, values: Any) -> "Maps":
        """Return the maps that `as_dict` described.

        Raises
        ------
        InputTypeError, InputError
            If a size is missing, unknown or out of range.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or set(values) != names:
            raise InputTypeError(f"maps must have the sizes {', '.join(sorted(names))}, not {quoted(values)}")
        return cls(**values)

    def as_dict(self) -> dict[str, int]:
        """Return the sizes, ready for JSON."""
        return asdict(self)

    @property
    def is_flat(self) -> bool:
        """Whether the sources have no shape."""
        return self == Maps.flat(self.channels)

    @property
    def is_convolution(self) -> bool:
        """Whether target channels have several neurons."""
        return self.positions > 1

    @property
    def sees_all(self) -> bool:
        """Whether the only neuron of each target channel sees every place through its own tap."""
        return (self.kernel_height, self.kernel_width, self.padding) == (self.pooled_height, self.pooled_width, 0)

    @property
    def source_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the sources."""
        return self.channels, self.height, self.width

    @property
    def sources(self) -> int:
        """Number of sources."""
        return self.channels * self.height * self.width

    @property
    def pooled_height(self) -> int:
        """Height of the pooled source maps."""
        return -(-self.height // self.pooling)

    @property
    def pooled_width(self) -> int:
        """Width of the pooled source maps."""
        return -(-self.width // self.pooling)

    @property
    def taps(self) -> int:
        """Number of taps of a neuron, in all source channels together."""
        return self.channels * self.kernel_height * self.kernel_width

    @property
    def target_height(self) -> int:
        """Height of the target maps."""
        return (self.pooled_height + 2 * self.padding - self.kernel_height) // self.stride + 1

    @property
    def target_width(self) -> int:
        """Width of the target maps."""
        return (self.pooled_width + 2 * self.padding - self.kernel_width) // self.stride + 1

    @property
    def positions(self) -> int:
        """Number of neurons of a target channel."""
        return self.target_height * self.target_width

    def windows(self, spikes: np.ndarray) -> np.ndarray:
        """Return how many spikes each neuron sees at each tap.

        Parameters
        ----------
        spikes : ndarray, shape (batch, sources)
            1 where a source spikes, else 0.

        Returns
        -------
        ndarray, shape (batch, positions, taps)
        """
        batch, pooling = len(spikes), self.pooling
        maps = spikes.reshape(batch, *self.source_shape)
        if pooling > 1:
            rest = ((0, 0), (0, 0), (0, -self.height % pooling), (0, -self.width % pooling))
            shape = (batch, self.channels, self.pooled_height, pooling, self.pooled_width, pooling)
            maps = np.pad(maps, rest).reshape(shape).sum(axis=(3, 5), dtype=maps.dtype)
        if self.padding:
            maps = np.pad(maps, ((0, 0), (0, 0), (self.padding, self.padding), (self.padding, self.padding)))
        seen = np.lib.stride_tricks.sliding_window_view(maps, (self.kernel_height, self.kernel_width), axis=(2, 3))
        seen = seen[:, :, :: self.stride, :: self.stride]
        return seen.transpose(0, 2, 3, 1, 4, 5).reshape(batch, self.positions, self.taps)

    def check_follows(self, shape: tuple[int, int, int], what: str) -> None:
        """Raise an error unless neurons of a shape can be these sources.

        Parameters
        ----------
        shape : tuple of int
            Channels, height and width of the neurons.
        what : str
            What an error calls the neurons.

        Raises
        ------
        InputError
            If the numbers differ, or the sources are maps of another shape.
        """
        neurons = int(np.prod(shape))
        if self.sources != neurons:
            raise InputError(f"has {self.sources} sources, but {what} has {neurons} neurons")
        if not self.is_flat and self.source_shape != shape:
            mine, theirs = (" x ".join(map(str, sides)) for sides in (self.source_shape, shape))
            raise InputError(f"has sources of {mine}, but {what} neurons of {theirs}")

    def of_channels(self, chosen: np.ndarray) -> "Maps":
        """Return the maps with some of the source channels only (``chosen``: bool, shape (channels,))."""
        sizes = self.as_dict() | {"channels": int(np.count_nonzero(chosen))}
        return Maps(**sizes)

    @cached_property
    def counts(self) -> np.ndarray:
        """The most spikes that each neuron can see at each tap in one inference: uint8, shape (positions, taps)."""
        return self.windows(np.ones((1, self.sources), np.uint8))[0]


def check_maps(value: object) -> Maps:
    """Return ``value``, or raise `InputTypeError` if it is not `Maps`."""
    if not isinstance(value, Maps):
        raise InputTypeError(f"maps must be Maps, not {quoted(value)}")
    return value
