"""The modules of layered networks that are PyTorch's own, with the limits of what the hardware computes."""

import math
from typing import Any, Literal, TypeAlias

import torch
from torch import nn
from torch.nn import functional

from firstspike_spec import InputError, InputTypeError
from firstspike_spec.common.checks import whole_number

#: Largest side of a square that average or max pooling joins.
MAX_POOLING = 8

MAX_STRIDE = 2

#: Which statistics of a batch normalisation are frozen.
Frozen: TypeAlias = Literal["nothing", "variances", "all"]

#: Most channels, sources or neurons of a layer.
MAX_NEURONS = 1 << 16


class Synapses(nn.Module):
    """Weights and biases, the connections that were cut, and how their layer is quantised; the base of `Conv2d` and `Linear`.

    Initial weights and biases are PyTorch's: uniform, up to ``1 / sqrt(fan-in)``.

    Parameters
    ----------
    shape : tuple of int
        Of the weights, target channels first.
    bias : bool

    Attributes
    ----------
    weight : Parameter
    bias : Parameter, shape (channels,), or None
    mask : Tensor of float, of the weights' shape
        0 where a connection has been cut, else 1.
    log_unit : Parameter, scalar
        The natural logarithm of the layer's unit: the value that a whole-number weight of 1 adds to a potential for each unit
        of the kernel (`firstspike_model.nn.quantise`). A layer has one unit; if it has several sources, its first `Conv2d` or
        `Linear` holds it.
    weight_bits : int
        Of the whole-number weights; 0 while they are floats.
    learn_unit : bool
        Whether training learns the unit along its gradient. Otherwise, the unit follows the weights.
    keep_connected : bool
        Whether quantisation keeps every connection: no weight other than 0 becomes 0.
    is_cut : bool
        Whether connections have been cut.
    """

    mask: torch.Tensor

    def __init__(self, shape: tuple[int, ...], bias: bool):
        super().__init__()
        width = 1 / math.sqrt(math.prod(shape[1:]))
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-width, width))
        self.bias = nn.Parameter(torch.empty(shape[0]).uniform_(-width, width)) if bias else None
        self.register_buffer("mask", torch.ones(shape))
        self.log_unit = nn.Parameter(torch.zeros(()), requires_grad=False)
        self.weight_bits = 0
        self.learn_unit = self.keep_connected = self.is_cut = False

    @property
    def unit(self) -> torch.Tensor:
        """The layer's unit, scalar, with gradient."""
        return self.log_unit.exp()

    def connected_weights(self) -> torch.Tensor:
        """Return the weights that the forward pass uses, with 0 for connections that were cut, with gradient."""
        return self.weight * self.mask if self.is_cut else self.weight

    @torch.no_grad()
    def cut(self, mask: torch.Tensor) -> None:
        """Cut all connections for good but those where ``mask`` is not 0.

        Parameters
        ----------
        mask : Tensor, of the weights' shape

        Raises
        ------
        InputError
            If the mask has another shape.
        """
        if mask.shape != self.weight.shape:
            raise InputError(f"the mask must have the weights' shape, {tuple(self.weight.shape)}, not {tuple(mask.shape)}")
        self.mask.copy_(mask != 0)
        self.weight.mul_(self.mask)
        self.is_cut = True

    def get_extra_state(self) -> dict[str, int | bool]:
        """Return what ``state_dict`` would leave out."""
        return {name: getattr(self, name) for name in ("weight_bits", "learn_unit", "keep_connected", "is_cut")}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take what `get_extra_state` returned."""
        for name, value in state.items():
            setattr(self, name, value)
        self.log_unit.requires_grad_(self.learn_unit)


class Conv2d(Synapses):
    """A convolution. Its weights become the connections of a layer.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int or tuple of int
        Of one side, or height and width.
    stride : int
        1 or 2.
    padding : int
        Rows and columns without spikes on each side, less than the kernel's sides.
    bias : bool
        Whether each channel has a bias. One before `BatchNorm2d` is useless.

    Raises
    ------
    InputTypeError, InputError
        If a size is out of range.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ):
        sides = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
        height, width = (whole_number(side, "kernel_size", 1, MAX_NEURONS) for side in sides)
        self.in_channels = whole_number(in_channels, "in_channels", 1, MAX_NEURONS)
        self.out_channels = whole_number(out_channels, "out_channels", 1, MAX_NEURONS)
        self.stride = whole_number(stride, "stride", 1, MAX_STRIDE)
        self.padding = whole_number(padding, "padding", 0, min(height, width) - 1)
        super().__init__((self.out_channels, self.in_channels, height, width), bias)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sums of weights times values, shape (batch, out_channels, height, width)."""
        return functional.conv2d(values, self.connected_weights(), self.bias, self.stride, self.padding)

    def extra_repr(self) -> str:
        """Return the sizes, for ``repr``."""
        sides = tuple(self.weight.shape[2:])
        return f"{self.in_channels}, {self.out_channels}, {sides}, stride={self.stride}, padding={self.padding}"


class Linear(Synapses):
    """All sources to all neurons. After maps of spikes, `Flatten` comes before it.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
        Whether each neuron has a bias. One before `BatchNorm1d` is useless.

    Raises
    ------
    InputTypeError, InputError
        If a size is out of range.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        self.in_features = whole_number(in_features, "in_features", 1, MAX_NEURONS)
        self.out_features = whole_number(out_features, "out_features", 1, MAX_NEURONS)
        super().__init__((self.out_features, self.in_features), bias)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sums of weights times values, shape (batch, out_features)."""
        return functional.linear(values, self.connected_weights(), self.bias)

    def extra_repr(self) -> str:
        """Return the sizes, for ``repr``."""
        return f"{self.in_features}, {self.out_features}"


class AvgPool2d(nn.Module):
    """Average pooling of spikes, before `Conv2d` or `Linear`: exact, because its factor goes into their weights.

    The pooled maps are ``ceil(H / size)`` by ``ceil(W / size)``. Squares at the right and bottom edges may be incomplete;
    their sums too are divided by ``size ** 2``, as ``docs/contract.md`` has it.

    Parameters
    ----------
    size : int
        Side of the squares, 1 .. 8.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = whole_number(size, "pooling", 1, MAX_POOLING)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the pooled maps of shape (batch, C, ceil(H / size), ceil(W / size))."""
        return functional.avg_pool2d(values, self.size, ceil_mode=True, divisor_override=self.size**2)

    def extra_repr(self) -> str:
        """Return the size, for ``repr``."""
        return str(self.size)


class MaxPool2d(nn.Module):
    """Max pooling of a layer's neurons: the earliest spike of each square passes.

    It may stand before or after `BatchNorm2d`, or after `Spikes`; the spikes are the same if all gains are positive. Before
    `BatchNorm2d` training is fastest, and gains must not be negative.

    Parameters
    ----------
    size : int
        Side of the squares, 1 .. 8. They do not overlap; incomplete ones at the right and bottom edges are left out.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = whole_number(size, "max pooling", 1, MAX_POOLING)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the pooled maps of shape (batch, C, H // size, W // size)."""
        return functional.max_pool2d(values, self.size)

    def extra_repr(self) -> str:
        """Return the size, for ``repr``."""
        return str(self.size)


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167); the base of `BatchNorm1d` and `BatchNorm2d`.

    Export folds it into weights and initial potentials.

    Parameters
    ----------
    channels : int
    eps : float
        Added to the variance.
    momentum : float
        Weight of the newest batch in the running mean and variance, 0 .. 1.
    learn_gain : bool
        Whether gains are learned; if not, they stay 1.

    Attributes
    ----------
    weight, bias : Parameter, shape (channels,)
        The gain and the shift of each channel.
    running_mean, running_var : Tensor, shape (channels,)
    frozen : str
        Which of the running statistics are used in training too, and no longer change: ``"nothing"``, ``"variances"``, or
        ``"all"`` (`firstspike_model.nn.freeze_statistics`).
    """

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1, learn_gain: bool = True):
        super().__init__()
        self.channels, self.eps, self.momentum = whole_number(channels, "channels", 1, MAX_NEURONS), eps, momentum
        self.weight = nn.Parameter(torch.ones(channels), requires_grad=learn_gain)
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.frozen: Frozen = "nothing"

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return normalised values of the same shape, (batch, channels, ...)."""
        if self.training and self.frozen == "variances":
            return self._centred(values)
        batch = self.training and self.frozen == "nothing"
        return functional.batch_norm(
            values, self.running_mean, self.running_var, self.weight, self.bias, batch, self.momentum, self.eps
        )

    def gains(self) -> torch.Tensor:
        """Return what each channel is multiplied by with the running variance, shape (channels,), with gradient."""
        return self.weight / (self.running_var + self.eps).sqrt()

    def _centred(self, values: torch.Tensor) -> torch.Tensor:
        """Return values normalised by the mean of the batch and the running variance."""
        means = values.movedim(1, -1).reshape(-1, self.channels).mean(0, dtype=torch.float32)
        with torch.no_grad():
            self.running_mean.lerp_(means, self.momentum)
        gains = self.gains()
        shape = (self.channels, *[1] * (values.ndim - 2))
        shifts = (self.bias - gains * means).to(values.dtype).view(shape)
        return torch.addcmul(shifts, values, gains.to(values.dtype).view(shape))

    def get_extra_state(self) -> Frozen:
        """Return what ``state_dict`` would leave out."""
        return self.frozen

    def set_extra_state(self, state: Frozen) -> None:
        """Take what `get_extra_state` returned."""
        self.frozen = state

    def extra_repr(self) -> str:
        """Return the size, for ``repr``."""
        return str(self.channels)


class BatchNorm2d(BatchNorm):
    """Batch normalisation after `Conv2d`, with the parameters of `BatchNorm`."""


class BatchNorm1d(BatchNorm):
    """Batch normalisation after `Linear`, with the parameters of `BatchNorm`."""


class Flatten(nn.Module):
    """Maps as one row of sources: between maps and a `Linear`."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the values with the shape (batch, C * H * W)."""
        return values.flatten(1)


class Residual(nn.Module):
    """The sum of two branches that read the same spikes: both add to the potentials of one layer.

    The sum enters the `BatchNorm2d`, `MaxPool2d` or `Spikes` that follow. Each branch may hold complete layers and ends with
    `Conv2d` or `Linear`, or with a batch normalisation of its own after that; its last `Spikes` are those after the sum.

    Parameters
    ----------
    body : Module
        A `Sequential`, a `Conv2d` or a `Linear`.
    shortcut : Module, optional
        As ``body``. ``None`` is the identity: each neuron is connected to the source in its place. The sizes of both branches
        must be the same.

    Raises
    ------
    InputTypeError
        If a branch is not a module.
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None):
        super().__init__()
        for name, branch in (("body", body), ("shortcut", nn.Identity() if shortcut is None else shortcut)):
            if not isinstance(branch, nn.Module):
                raise InputTypeError(f"the {name} of Residual must be a module, not {type(branch).__name__}")
        self.body, self.shortcut = body, shortcut

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum of both branches."""
        total: torch.Tensor = self.body(values) + (values if self.shortcut is None else self.shortcut(values))
        return total
