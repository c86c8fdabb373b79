"""Recipes: everything that training a network depends on, in one short file."""

import tomllib
import types
from dataclasses import dataclass, fields
from importlib import resources
from typing import Any

from firstspike_spec import InputError, InputTypeError, LatencyEncoder


@dataclass(frozen=True)
class Recipe:
    """The settings of one training.

    Attributes
    ----------
    name : str
    dataset : str
        As `firstspike_spec.load_dataset` knows it.
    validation_images : int
        Held back from the training split, for every choice that is made.
    largest_shift : int
        Pixels by which training images move (`firstspike_model.augmentation.RandomShifts`).
    hidden : tuple of int
        Neurons of each hidden layer.
    time_steps : int
        ``T``.
    dimmest : int
        The smallest pixel value that still spikes.
    weight_bits : int
    connectivity : float
        Share of connections that stay, of the layers as they are trained.
    batch : int
        Images a step.
    surrogate_width : float
        In units of the threshold.
    last_step_weight, temporal_weight, temporal_sharpness : float
        Of the loss: `firstspike_model.losses.step_loss`, plus ``temporal_weight`` times `temporal_loss`.
    rewire_epochs, rewire_learning_rate, alpha
        Of the first phase, Grad R (`firstspike_model.gradr.GradR`).
    refine_epochs, refine_learning_rate
        Of the second, with the connections cut to the budget and fixed, and the weights quantised.
    decision_tolerance : float
        Validation accuracy that may be given up for earlier decisions.
    """

    name: str
    dataset: str
    validation_images: int
    largest_shift: int
    hidden: tuple[int, ...]
    time_steps: int
    dimmest: int
    weight_bits: int
    connectivity: float
    batch: int
    surrogate_width: float
    last_step_weight: float
    temporal_weight: float
    temporal_sharpness: float
    rewire_epochs: int
    rewire_learning_rate: float
    alpha: float
    refine_epochs: int
    refine_learning_rate: float
    decision_tolerance: float

    def __post_init__(self):
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                if not low <= number <= high:
                    raise InputError(f"{name} must be in {low} .. {high}, not {number}")
        LatencyEncoder.linear(self.time_steps, self.dimmest)  # refuses a dimmest pixel that leaves too few values


#: What each setting may be, lowest and highest.
RANGES = {
    "validation_images": (1, 1 << 20),
    "largest_shift": (0, 8),
    "hidden": (1, 1 << 16),
    "time_steps": (2, 256),
    "dimmest": (1, 255),
    "weight_bits": (2, 8),  # so that sums over any layer are exact in the float32 of training
    "connectivity": (0.0001, 1),
    "batch": (1, 1 << 16),
    "surrogate_width": (0.001, 1000),
    "last_step_weight": (1, 1000),
    "temporal_weight": (0, 1000),
    "temporal_sharpness": (0.001, 1000),
    "rewire_epochs": (0, 10000),
    "rewire_learning_rate": (1e-9, 1),
    "alpha": (0, 1000),
    "refine_epochs": (1, 10000),
    "refine_learning_rate": (1e-9, 1),
    "decision_tolerance": (0, 1),
}


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    folder = resources.files(__package__) / "recipes"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load_recipe(name: str) -> Recipe:
    """Return a recipe of the package.

    Raises
    ------
    InputError
        If there is none of that name; the message lists those that exist.
    """
    if name not in recipe_names():
        raise InputError(f"unknown recipe {name!r}: name one of {', '.join(recipe_names())}")
    return parse_recipe(name, (resources.files(__package__) / "recipes" / f"{name}.toml").read_text("utf-8"))


def parse_recipe(name: str, text: str) -> Recipe:
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
    wanted = {field.name: field.type for field in fields(Recipe) if field.name != "name"}
    if set(settings) != set(wanted):
        unknown, missing = sorted(set(settings) - set(wanted)), sorted(set(wanted) - set(settings))
        parts = [f"unknown: {', '.join(unknown)}"] * bool(unknown) + [f"missing: {', '.join(missing)}"] * bool(missing)
        raise InputError(f"recipe {name}: settings {'; '.join(parts)}; the settings are {', '.join(wanted)}")
    try:
        return Recipe(name, **{key: _typed(key, settings[key], kind) for key, kind in wanted.items()})
    except (InputError, InputTypeError) as error:
        raise type(error)(f"recipe {name}: {error}") from error


def _typed(key: str, value: Any, kind: Any) -> Any:
    """Return a TOML value as a setting of the type ``kind``, which is str, int, float or a tuple of int."""
    if isinstance(kind, types.GenericAlias):
        if not isinstance(value, list) or not all(_is_number(number, int) for number in value):
            raise InputTypeError(f"{key} must be a list of whole numbers, not {value!r}")
        return tuple(value)
    if kind is str:
        if not isinstance(value, str):
            raise InputTypeError(f"{key} must be a text, not {value!r}")
        return value
    if not _is_number(value, kind):
        raise InputTypeError(f"{key} must be a {'whole ' if kind is int else ''}number, not {value!r}")
    return kind(value)


def _is_number(value: Any, kind: type) -> bool:
    return not isinstance(value, bool) and isinstance(value, int if kind is int else int | float)
