"""Recipes: everything that training a network depends on, in one short file."""

import math
import os
import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any, get_args

from firstspike_spec import InputError, InputTypeError, LatencyEncoder, Maps
from firstspike_spec.network.maps import MAX_NEURONS


@dataclass(frozen=True)
class Recipe:
    """The settings of one training. Those with a value here may be left out of a recipe's file.

    Attributes
    ----------
    name : str
    dataset : str
        As `firstspike_spec.load_dataset` knows it; another one may be trained on instead. Images may be of any size, grey or
        in colour, and of 2 to 1,000 classes.
    validation_images : int
        Held back from the training split, for every choice that is made.
    largest_shift : int
        Pixels by which training images move (`firstspike_model.training.augmentation.RandomVariations`).
    mirrored : bool
        Whether half of the training images are turned left to right.
    largest_rotation, largest_scaling : float
        Training images are turned by at most so many degrees either way, and made larger or smaller by at most so large a
        part.
    brightness : float
        By how much training images are made brighter or darker: a random factor of at most ``exp(brightness)`` either way.
    convolution_channels : tuple of int
        Target channels of each convolution; none makes a network of fully connected layers.
    kernel_sizes : tuple of int
        Side of each convolution's square kernel. Maps are padded with half of it.
    strides : tuple of int
        Of each convolution, 1 or 2; all 1 if empty.
    poolings : tuple of int
        Of each convolution's sources, and of those of the first fully connected layer behind them; all 1 if empty.
    hidden : tuple of int
        Neurons of each hidden fully connected layer.
    time_steps : int
        ``T``.
    dimmest : int
        The smallest pixel value that still spikes, of a linear encoder.
    encoder_thresholds : tuple of int
        The encoder's whole table in its place, one a step, as of `LatencyEncoder`; empty for the linear one.
    weight_bits : int
        2 .. 8; or 32: the network stays float, is measured as such and cannot be exported.
    keep_connected : bool
        Whether the quantised weight of a connection is never 0: as many stay as ``budget`` says.
    initialisation : str
        One of `firstspike_model.layers.initialisation.INITIALISATIONS`.
    normalised : bool
        Whether weights are normalised (`firstspike_model.layers.normalisation`).
    surrogate, surrogate_width
        Slope and its width in units of the threshold (`firstspike_model.layers.surrogate.Surrogate`).
    dropout : float
        The share of hidden neurons that are left out at random in training.
    batch : int
        Images a step.
    potential_weight, last_step_weight : float
        Of the loss on the output potentials at every step (`firstspike_model.training.losses.potential_loss`).
    decoding : str
        How output spikes become logits, one of `firstspike_model.training.losses.DECODINGS`.
    spike_weight, sharpness : float
        Of the loss on the output spikes (`firstspike_model.training.losses.spike_loss`).
    forced_last_spike : bool
        Whether outputs that have not spiked do so at the last step, in training (`firstspike_model.layers.neuron.single_spikes`).
    pruning : str
        One of `PRUNING`: what moves the weights in the first phase. ``"magnitude"`` is plain Adam, so that the cut at its
        end is magnitude pruning.
    prune_epochs, prune_learning_rate
        Of the first phase, in float.
    alpha, alpha_schedule
        Of Grad R (`firstspike_model.pruning.GradR`), and its course over the phase.
    threshold, threshold_schedule
        Of STDS (`firstspike_model.pruning.STDS`), likewise; in units of the threshold.
    operations_share : float
        0 .. 1: by how much Grad R weighs a connection by how often its source spikes, in place of evenly.
    budget : float or tuple of float
        Share of connections that stay after the first phase, of the layers as they are trained: of all together, or of
        each layer.
    output_part : float
        0 .. 1: the output layer's part in a budget for all layers together (`firstspike_model.pruning.layer_budgets`). 0
        leaves it to the method.
    budget_by : float
        0 .. 1: the share of the first phase by which Grad R or STDS is steered down to the budget, along a cubic course
        (`firstspike_model.pruning.Rewiring.prune_to`), in place of ``alpha`` or ``threshold``; what is left of the phase
        rewires within the budget. 0 leaves it to alpha or the threshold, and the cut at the phase's end to do the rest.
    rescaled : bool
        Whether, after the cut, each neuron's weights are scaled to ETTFS's variance ``T / fan-in`` over the connections that
        it still has (`firstspike_model.layers.initialisation.rescale_to_fan_in`).
    refine_epochs, refine_learning_rate
        Of the second phase, with the connections cut to the budget and fixed, and the weights quantised.
    decision_tolerance : float
        Validation accuracy that may be given up for earlier decisions.
    latest_step : float
        The mean decision step on the validation images may be no later, whatever accuracy that costs.
    decision : str
        ``"early"``: as early as the tolerance allows. ``"late"``: in the end, as late as ``latest_step`` allows
        (`firstspike_model.calibration.output_threshold.Target`).
    """

    name: str
    dataset: str
    hidden: tuple[int, ...]
    time_steps: int
    budget: float | tuple[float, ...]
    prune_epochs: int
    refine_epochs: int
    validation_images: int = 5000
    largest_shift: int = 1
    convolution_channels: tuple[int, ...] = ()
    kernel_sizes: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    poolings: tuple[int, ...] = ()
    mirrored: bool = False
    largest_rotation: float = 0.0
    largest_scaling: float = 0.0
    brightness: float = 0.0
    dimmest: int = 32
    encoder_thresholds: tuple[int, ...] = ()
    weight_bits: int = 4
    keep_connected: bool = False
    initialisation: str = "ettfs"
    normalised: bool = False
    surrogate: str = "fast-sigmoid"
    surrogate_width: float = 0.5
    dropout: float = 0.0
    batch: int = 128
    potential_weight: float = 1.0
    last_step_weight: float = 3.0
    decoding: str = "temporal"
    spike_weight: float = 0.2
    sharpness: float = 4.0
    forced_last_spike: bool = False
    pruning: str = "gradr"
    prune_learning_rate: float = 0.004
    alpha: float = 0.03
    alpha_schedule: str = "constant"
    threshold: float = 0.1
    threshold_schedule: str = "sine"
    operations_share: float = 0.0
    output_part: float = 0.0
    budget_by: float = 0.0
    rescaled: bool = False
    refine_learning_rate: float = 0.002
    decision_tolerance: float = 0.001
    latest_step: float = 255.0
    decision: str = "early"

    def __post_init__(self):
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                if not low <= number <= high:
                    raise InputError(f"{name} must be in {low} .. {high}, not {number}")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}")
        if self.weight_bits not in (*range(2, 9), 32):
            raise InputError(f"weight_bits must be in 2 .. 8, or 32 for float weights, not {self.weight_bits}")
        convolutions = len(self.convolution_channels)
        for name, wanted in (
            ("kernel_sizes", (convolutions,)),
            ("strides", (0, convolutions)),
            ("poolings", (0, convolutions + 1 if convolutions else 0)),
        ):
            if len(getattr(self, name)) not in wanted:
                raise InputError(
                    f"{name} must be {wanted[-1]} numbers for {convolutions} convolutions, not {len(getattr(self, name))}"
                )
        layers = convolutions + len(self.hidden) + 1
        if isinstance(self.budget, tuple) and len(self.budget) != layers:
            raise InputError(f"budget must be one number, or one for each of {layers} layers, not {len(self.budget)}")
        if isinstance(self.budget, tuple) and self.output_part:
            raise InputError("output_part shares out a budget for all layers together; give it or a budget for each layer")
        for name, wanted, holds in (
            ("budget_by", "gradr or stds", not self.budget_by or self.pruning != "magnitude"),
            ("operations_share", "gradr", not self.operations_share or self.pruning == "gradr"),
        ):
            if not holds:
                raise InputError(f"{name} needs the pruning {wanted}, not {self.pruning}; set it to 0")
        if self.rescaled and self.normalised:
            raise InputError("rescaled changes nothing where weights are normalised; set one of the two to false")
        if self.decision == "late" and self.latest_step >= self.time_steps - 1:
            raise InputError(f"a late decision needs a latest_step below {self.time_steps - 1}, not {self.latest_step}")
        if not self.potential_weight and not self.spike_weight:
            raise InputError("potential_weight and spike_weight must not both be 0: nothing would be learned")
        if self.encoder_thresholds and len(self.encoder_thresholds) != self.time_steps:
            raise InputError(
                f"encoder_thresholds must be one for each of {self.time_steps} steps, not {len(self.encoder_thresholds)}"
            )
        self.encoder()  # refuses a dimmest pixel that leaves too few values, and thresholds that do not decrease

    def encoder(self) -> LatencyEncoder:
        """Return the encoder that the settings describe."""
        if self.encoder_thresholds:
            return LatencyEncoder(list(self.encoder_thresholds))
        return LatencyEncoder.linear(self.time_steps, self.dimmest)

    def layers(self, image_shape: tuple[int, ...], classes: int) -> list[tuple[Maps, int]]:
        """Return the layers that the settings describe, for images of a shape.

        Parameters
        ----------
        image_shape : tuple of int
            (height, width) or (channels, height, width).
        classes : int

        Returns
        -------
        list of (Maps, int)
            Of each layer: how its sources and neurons lie, and its number of target channels.

        Raises
        ------
        InputError
            If the images have more values, or a layer more neurons, than there can be; the message names it.
        """
        if math.prod(image_shape) > MAX_NEURONS:
            sides = " x ".join(map(str, image_shape))
            raise InputError(
                f"images of {sides} have more values than the {MAX_NEURONS:,} inputs of a network: scale them down"
            )
        shape, layers = (1,) * (3 - len(image_shape)) + image_shape, []
        count = len(self.convolution_channels)
        strides, poolings = self.strides or (1,) * count, self.poolings or (1,) * (count + 1)
        for channels, kernel, stride, pooling in zip(
            self.convolution_channels, self.kernel_sizes, strides, poolings[:-1], strict=True
        ):
            try:
                maps = Maps(*shape, kernel, kernel, pooling, stride, padding=kernel // 2)
            except InputError as error:
                raise InputError(f"convolution {len(layers)}: {error}; use fewer channels, or pool more") from error
            layers.append((maps, channels))
            shape = channels, maps.target_height, maps.target_width
        maps = Maps.whole(*shape, poolings[-1]) if count else Maps.flat(math.prod(shape))
        for neurons in (*self.hidden, classes):
            layers.append((maps, neurons))
            maps = Maps.flat(neurons)
        return layers

    @property
    def epochs(self) -> int:
        """Of both phases."""
        return self.prune_epochs + self.refine_epochs


#: What moves the weights in the first phase.
PRUNING = ("gradr", "stds", "magnitude")

#: What each setting may be, by name. The modules that hold the choices need PyTorch, a recipe does not; a test holds both
#: equal.
CHOICES = {
    "initialisation": ("ettfs", "kaiming"),
    "surrogate": ("fast-sigmoid", "triangle", "arctan", "sigmoid"),
    "decoding": ("temporal", "count"),
    "pruning": PRUNING,
    "decision": ("early", "late"),
    "alpha_schedule": ("constant", "linear", "sine", "cubic", "falling", "cosine"),
    "threshold_schedule": ("constant", "linear", "sine", "cubic", "falling", "cosine"),
}

#: What each setting may be, lowest and highest.
RANGES = {
    "validation_images": (1, 1 << 20),
    "largest_shift": (0, 8),
    "convolution_channels": (1, 1 << 12),
    "kernel_sizes": (1, 31),
    "strides": (1, 2),
    "poolings": (1, 8),
    "hidden": (1, 1 << 16),
    "largest_rotation": (0, 90),
    "largest_scaling": (0, 0.9),
    "time_steps": (2, 256),
    "dimmest": (1, 255),
    "budget": (0.0001, 1),
    "brightness": (0, 2),
    "dropout": (0, 0.95),
    "batch": (1, 1 << 16),
    "surrogate_width": (0.001, 1000),
    "potential_weight": (0, 1000),
    "last_step_weight": (1, 1000),
    "spike_weight": (0, 1000),
    "sharpness": (0.001, 1000),
    "prune_epochs": (0, 10000),
    "prune_learning_rate": (1e-9, 1),
    "alpha": (0, 1000),
    "threshold": (0, 1000),
    "operations_share": (0, 1),
    "output_part": (0, 1),
    "budget_by": (0, 1),
    "refine_epochs": (0, 10000),
    "refine_learning_rate": (1e-9, 1),
    "decision_tolerance": (0, 1),
    "latest_step": (0, 255),
}


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    folder = resources.files(__package__)
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load_recipe(name: str | os.PathLike, changes: Mapping[str, Any] | None = None) -> Recipe:
    """Return a recipe.

    Parameters
    ----------
    name : str or path
        Of a recipe of the package; or a file, whose name ends with ``.toml``.
    changes : mapping, optional
        Settings to use in place of the file's, as TOML would give them.

    Raises
    ------
    InputError, InputTypeError
        If there is none of that name (the message lists those that exist), or it is wrong as for `parse_recipe`.
    """
    if str(name).endswith(".toml"):
        try:
            return parse_recipe(Path(name).stem, Path(name).read_text("utf-8"), changes)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"cannot read the recipe {name}: {reason}; name a TOML file") from error
    if name not in recipe_names():
        raise InputError(f"unknown recipe {name!r}: name one of {', '.join(recipe_names())}, or a file that ends with .toml")
    return parse_recipe(str(name), (resources.files(__package__) / f"{name}.toml").read_text("utf-8"), changes)


def parse_recipe(name: str, text: str, changes: Mapping[str, Any] | None = None) -> Recipe:
    """Return the recipe in a TOML text, whose keys, in any tables, are the settings of `Recipe` but the name.

    Raises
    ------
    InputError, InputTypeError
        If it is no TOML, or a setting is missing, unknown, of the wrong kind or out of range.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"recipe {name}: not TOML ({error}); correct the file") from error
    settings: dict[str, Any] = {}
    for key, value in tables.items():
        for inner, setting in (value if isinstance(value, dict) else {key: value}).items():
            if inner in settings:
                raise InputError(f"recipe {name}: {inner} stands there twice; leave one")
            settings[inner] = setting
    return recipe_of(name, settings | dict(changes or {}))


def recipe_of(name: str, settings: Mapping[str, Any]) -> Recipe:
    """Return the recipe with some settings, of the kinds that TOML and JSON have.

    Raises
    ------
    InputError, InputTypeError
        As for `parse_recipe`.
    """
    kinds = {field.name: field.type for field in fields(Recipe) if field.name != "name"}
    needed = {field.name for field in fields(Recipe) if field.name != "name" and field.default is MISSING}
    unknown, missing = sorted(set(settings) - set(kinds)), sorted(needed - set(settings))
    if unknown or missing:
        parts = [f"unknown: {', '.join(unknown)}"] * bool(unknown) + [f"missing: {', '.join(missing)}"] * bool(missing)
        raise InputError(f"recipe {name}: settings {'; '.join(parts)}; the settings are {', '.join(kinds)}")
    try:
        return Recipe(name, **{key: _typed(key, setting, kinds[key]) for key, setting in settings.items()})
    except (InputError, InputTypeError) as error:
        raise type(error)(f"recipe {name}: {error}") from error


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """Return all settings but the name, of the kinds that TOML and JSON have: the reverse of `recipe_of`."""
    settings = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(recipe).items()}
    del settings["name"]
    return settings


def parse_change(text: str) -> tuple[str, Any]:
    """Return the setting and its value in ``key=value``, the value as in TOML; a bare word is a text.

    Raises
    ------
    InputError
        If there is no ``=``, or the value is not TOML.
    """
    key, equals, value = text.partition("=")
    key, value = key.strip(), value.strip()
    if not equals or not key or not value:
        raise InputError(f"wanted key=value, such as alpha=0.02, not {text!r}")
    if key not in settings_names():
        raise InputError(f"unknown setting {key!r}: the settings are {', '.join(settings_names())}")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        if value.replace("-", "").replace("_", "").isalnum():
            return key, value
        raise InputError(f"{key}: {value!r} is no TOML value ({error}); write it as in a recipe") from error


def settings_names() -> list[str]:
    """Return the names of all settings."""
    return [field.name for field in fields(Recipe) if field.name != "name"]


def _typed(key: str, value: Any, kind: Any) -> Any:
    """Return a TOML value as a setting of the type ``kind``: bool, str, int, float, or a tuple (alone or as well)."""
    kinds = get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    for single in kinds:
        if isinstance(single, types.GenericAlias) and isinstance(value, list):
            inner = get_args(single)[0]
            if all(_is_a(number, inner) for number in value):
                return tuple(inner(number) for number in value)
        elif not isinstance(single, types.GenericAlias) and _is_a(value, single):
            return single(value)
    raise InputTypeError(f"{key} must be {' or '.join(_WORDS[single] for single in kinds)}, not {value!r}")


def _is_a(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, int | float if kind is float else kind)


_WORDS = {
    bool: "true or false",
    str: "a text",
    int: "a whole number",
    float: "a number",
    tuple[int, ...]: "a list of whole numbers",
    tuple[float, ...]: "a list of numbers",
}
