"""From a list of modules to the layers of a network: which modules form a layer, and what it reads."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from torch import nn

from firstspike_spec import InputError, InputTypeError, Maps

from .encoder import SpikeSource
from .modules import (
    MAX_POOLING,
    AvgPool2d,
    BatchNorm,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Residual,
)
from .spikes import Spikes

#: The order of a layer's modules, for errors.
ORDER = "[AvgPool2d] [Flatten] Conv2d, Linear or Residual, [MaxPool2d] [BatchNorm2d or BatchNorm1d] [MaxPool2d] Spikes"

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Branch:
    """The connections of a layer to one earlier layer.

    Attributes
    ----------
    source : int
        0 for the input, ``n`` for layer ``n - 1``.
    maps : Maps
        How sources and neurons lie.
    synapses : Conv2d or Linear or None
        ``None``: each neuron is connected to the source in its place, with a weight of 1 (before normalisation).
    norm : BatchNorm or None
        Of this branch alone.
    """

    source: int
    maps: Maps
    synapses: Conv2d | Linear | None
    norm: BatchNorm | None = None


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """The modules of one layer.

    Attributes
    ----------
    name : str
        Of the first module with connections, for errors.
    branches : tuple of Branch
        Their sum is the potential.
    shape : tuple of int
        Channels, height and width of the neurons.
    pooled_first, pooled_last : int
        Side of max pooling before and after the batch normalisation.
    norm : BatchNorm or None
    spikes : Spikes or None
        ``None`` in the output layer.
    """

    name: str
    branches: tuple[Branch, ...]
    shape: Shape
    pooled_first: int = 1
    pooled_last: int = 1
    norm: BatchNorm | None = None
    spikes: Spikes | None = None

    @property
    def pooling(self) -> int:
        """Side of the squares of max pooling."""
        return self.pooled_first * self.pooled_last

    @property
    def spike_shape(self) -> Shape:
        """Channels, height and width of the spikes, after max pooling."""
        channels, height, width = self.shape
        return channels, height // self.pooling, width // self.pooling

    @property
    def anchor(self) -> Conv2d | Linear:
        """The module that holds the layer's unit and weight bits."""
        return next(branch.synapses for branch in self.branches if branch.synapses is not None)


def read_layers(modules: nn.Sequential) -> tuple[SpikeSource, tuple[LayerPlan, ...]]:
    """Return the source of the input's spikes, and the layers.

    Parameters
    ----------
    modules : nn.Sequential

    Raises
    ------
    InputTypeError, InputError
        If the modules do not form a layered network; the message names the module and says what is possible.
    """
    named = list(_flat(modules))
    if not named or not isinstance(named[0][1], SpikeSource):
        raise InputError("a network begins with LatencyEncoder or SpikeTimes")
    source = named[0][1]
    reader = _Reader([source.maps_shape])
    total = reader.read(named[1:], 0)
    if total is None:
        raise InputError(
            "the last layer gives the classes' scores: end with Conv2d or Linear (and a batch normalisation), no Spikes"
        )
    if total.pooled_first * total.pooled_last > 1:
        raise InputError(f"{total.name}: the last layer has no Spikes, so it cannot have MaxPool2d; leave it out")
    reader.layers.append(total)
    _check_kernels(reader.layers)
    return source, tuple(reader.layers)


def _flat(modules: nn.Sequential, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules of a sequence and of those within it, with their names."""
    for name, module in modules.named_children():
        if isinstance(module, nn.Sequential):
            yield from _flat(module, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name} ({type(module).__name__})", module


def _check_kernels(layers: list[LayerPlan]) -> None:
    spikes = [layer.spikes for layer in layers if layer.spikes is not None]
    for other in spikes[1:]:
        if other.kernel.tolist() != spikes[0].kernel.tolist():
            raise InputError(
                f"all Spikes of a network must have one kernel, not {spikes[0].kernel.tolist()} and {other.kernel.tolist()}"
            )


@dataclass
class _Reader:
    """Reads modules; ``shapes`` are those of the spikes of the input and of each layer so far."""

    shapes: list[Shape]
    layers: list[LayerPlan] = field(default_factory=list)

    def read(self, modules: list[tuple[str, nn.Module]], source: int) -> LayerPlan | None:
        """Read modules whose first reads the spikes of a source.

        Returns
        -------
        LayerPlan or None
            The layer that has no `Spikes` yet, or ``None`` if the last module closed its layer.
        """
        state = _State(self, source)
        for name, module in modules:
            state.name = name
            match module:
                case AvgPool2d():
                    state.average(module)
                case Flatten():
                    state.flatten()
                case Conv2d():
                    state.convolve(module)
                case Linear():
                    state.connect(module)
                case Residual():
                    state.add(module)
                case MaxPool2d():
                    state.pool(module)
                case BatchNorm():
                    state.normalise(module)
                case Spikes():
                    state.fire(module)
                case nn.Identity():
                    pass
                case _:
                    raise InputTypeError(_unknown(name, module))
        if state.total is None and (state.pooling > 1 or state.is_flat):
            raise InputError(f"after {state.name} must come Conv2d or Linear; the order of a layer is {ORDER}")
        return state.total


def _unknown(name: str, module: nn.Module) -> str:
    if isinstance(module, SpikeSource):
        return f"{name} must be the first module of a network"
    known = ("AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv2d", "Flatten", "Linear", "MaxPool2d", "Sequential")
    if type(module).__name__ in known:
        return f"{name} is PyTorch's own; use that of firstspike.nn"
    return f"{name} is no part of a layered network; the order of a layer is {ORDER}"


@dataclass
class _State:
    """Where reading has come to: the spikes that are read, what comes before the next layer, and the layer that is open."""

    reader: _Reader
    source: int
    name: str = ""
    pooling: int = 1
    is_flat: bool = False
    total: LayerPlan | None = None
    has_fired: bool = False

    @property
    def shape(self) -> Shape:
        return self.reader.shapes[self.source]

    def average(self, module: AvgPool2d) -> None:
        if self.total is not None or self.is_flat:
            raise self._misplaced("average pooling is of spikes, and comes before Flatten")
        self.pooling *= module.size
        if self.pooling > MAX_POOLING:
            raise InputError(f"{self.name}: average pooling must be at most {MAX_POOLING} in all, not {self.pooling}")

    def flatten(self) -> None:
        if self.total is not None or self.is_flat:
            raise self._misplaced("it comes before Linear")
        self.is_flat = True

    def convolve(self, module: Conv2d) -> None:
        if self.total is not None:
            raise self._misplaced("a layer's sum must become Spikes before the next one")
        if self.is_flat:
            raise self._misplaced("it needs maps, and comes before Flatten")
        channels, height, width = self.shape
        if module.in_channels != channels:
            raise InputError(f"{self.name} has {module.in_channels} input channels, but its sources have {channels}")
        kernel_height, kernel_width = module.weight.shape[2:]
        try:
            maps = Maps(
                channels,
                height,
                width,
                kernel_height,
                kernel_width,
                self.pooling,
                module.stride,
                module.padding,
            )
        except InputError as error:
            raise InputError(f"{self.name}, with sources of {_sides(self.shape)}: {error}") from error
        self._open(Branch(self.source, maps, module), module.out_channels)

    def connect(self, module: Linear) -> None:
        if self.total is not None:
            raise self._misplaced("a layer's sum must become Spikes before the next one")
        channels, height, width = self.shape
        if height * width > 1 and not self.is_flat:
            raise self._misplaced("put Flatten before it, because its sources are maps")
        maps = Maps.flat(channels) if height * width == 1 else Maps.whole(channels, height, width, self.pooling)
        if module.in_features != maps.taps:
            raise InputError(f"{self.name} has {module.in_features} inputs, but {maps.taps} sources")
        self._open(Branch(self.source, maps, module), module.out_features)

    def add(self, module: Residual) -> None:
        if self.total is not None:
            raise self._misplaced("a layer's sum must become Spikes before the next one")
        if self.pooling > 1 or self.is_flat:
            raise self._misplaced("put what comes before it into both of its branches")
        name = self.name
        body = self._branch(module.body, f"{name} body")
        skip = self._branch(module.shortcut, f"{name} shortcut")
        if body.shape != skip.shape:
            raise InputError(
                f"{name}: the body gives {_sides(body.shape)} and the shortcut {_sides(skip.shape)}; give Residual a shortcut "
                "of the body's size, such as a Conv2d with a kernel of 1 and the body's stride"
            )
        self.total = replace(body, branches=body.branches + skip.branches)

    def _branch(self, module: nn.Module | None, name: str) -> LayerPlan:
        """Return the open layer at the end of a branch of a `Residual`."""
        if module is None:
            return LayerPlan(name, (Branch(self.source, Maps(*self.shape, 1, 1), None),), self.shape)
        modules = list(_flat(module, f"{name} ")) if isinstance(module, nn.Sequential) else [(name, module)]
        total = self.reader.read(modules, self.source)
        if total is None:
            raise InputError(
                f"{name} must end with Conv2d, Linear or a batch normalisation; the sum's Spikes come after Residual"
            )
        if total.pooling > 1:
            raise InputError(f"{name} ends with MaxPool2d, but a sum cannot be of pooled neurons; put it after Residual")
        if total.norm is None:
            return total
        if len(total.branches) > 1:
            raise InputError(f"{name} ends with the normalisation of a sum; put it after the outer Residual")
        return replace(total, branches=(replace(total.branches[0], norm=total.norm),), norm=None)

    def pool(self, module: MaxPool2d) -> None:
        if self.total is None:
            if not self.has_fired or self.pooling > 1 or self.is_flat:
                raise self._misplaced("max pooling is of a layer's neurons: it comes after Conv2d, BatchNorm2d or Spikes")
            # The earliest spike of a square is the same before and after the activation.
            last = self.reader.layers[-1]
            self._check_pooling(last, module)
            pooled = replace(last, pooled_last=last.pooled_last * module.size)
            self.reader.layers[-1], self.reader.shapes[-1] = pooled, pooled.spike_shape
            return
        self._check_pooling(self.total, module)
        if self.total.norm is None:
            self.total = replace(self.total, pooled_first=self.total.pooled_first * module.size)
        else:
            self.total = replace(self.total, pooled_last=self.total.pooled_last * module.size)

    def _check_pooling(self, plan: LayerPlan, module: MaxPool2d) -> None:
        side = plan.pooling * module.size
        if side > MAX_POOLING:
            raise InputError(f"{self.name}: max pooling must be at most {MAX_POOLING} in all, not {side}")
        if side > min(plan.shape[1:]):
            raise InputError(f"{self.name}: max pooling by {side} leaves nothing of maps of {_sides(plan.shape)}")

    def normalise(self, module: BatchNorm) -> None:
        if self.total is None or self.total.norm is not None:
            raise self._misplaced("there is at most one in a layer, after Conv2d, Linear or Residual")
        channels = self.total.shape[0]
        if module.channels != channels:
            raise InputError(f"{self.name} has {module.channels} channels, but what it normalises has {channels}")
        is_flat = isinstance(self.total.anchor, Linear)
        if is_flat != isinstance(module, BatchNorm1d):
            wanted = BatchNorm1d if is_flat else BatchNorm2d
            raise InputError(f"{self.name}: after {type(self.total.anchor).__name__} comes {wanted.__name__}")
        self.total = replace(self.total, norm=module)

    def fire(self, module: Spikes) -> None:
        if self.total is None:
            raise self._misplaced("it comes after Conv2d, Linear or Residual")
        layer = replace(self.total, spikes=module)
        self.reader.layers.append(layer)
        self.reader.shapes.append(layer.spike_shape)
        self.source, self.total, self.has_fired = len(self.reader.layers), None, True
        self.pooling, self.is_flat = 1, False

    def _open(self, branch: Branch, channels: int) -> None:
        shape = (channels, branch.maps.target_height, branch.maps.target_width)
        self.total = LayerPlan(self.name, (branch,), shape)

    def _misplaced(self, why: str) -> InputError:
        return InputError(f"{self.name} is out of order: {why}; the order of a layer is {ORDER}")


def _sides(shape: Shape) -> str:
    return " x ".join(map(str, shape))
