"""Reading recipes from the package or a file, and changes of settings from the command line."""

import os
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from firstspike_spec import InputError

from .layered_recipe import LayeredRecipe
from .recipe import Recipe
from .settings import recipe_of, settings_names


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    folder = resources.files(__package__)
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load_recipe(name: str | os.PathLike[str], changes: Mapping[str, Any] | None = None) -> Recipe | LayeredRecipe:
    """Return a recipe of the package, or of a file.

    Parameters
    ----------
    name : str or path
        The name of a recipe of the package, or a file whose name ends with ``.toml``.
    changes : mapping, optional
        Settings to use instead of those in the file, with values as TOML gives them.

    Raises
    ------
    InputError, InputTypeError
        If there is no such recipe (the message lists those that exist), or `parse_recipe` refuses it.
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


def parse_recipe(name: str, text: str, changes: Mapping[str, Any] | None = None) -> Recipe | LayeredRecipe:
    """Return the recipe in a TOML text.

    Its keys are the settings of `Recipe`, or of `LayeredRecipe`, but the name. They may be grouped in tables of any names.

    Raises
    ------
    InputError, InputTypeError
        If the text is not TOML, or a setting is missing, unknown, of the wrong kind or out of range.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"recipe {name}: not TOML ({error}); correct the file") from error
    settings: dict[str, Any] = {}
    for key, value in tables.items():
        for inner, setting in (value if isinstance(value, dict) else {key: value}).items():
            if inner in settings:
                raise InputError(f"recipe {name}: {inner} is set twice; remove one")
            settings[inner] = setting
    return recipe_of(name, settings | dict(changes or {}))


def parse_change(text: str) -> tuple[str, Any]:
    """Return the setting and its value in ``key=value``.

    The value is written as in TOML, but a string of letters, digits, ``-`` and ``_`` needs no quotes.

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
        raise InputError(f"{key}: {value!r} is not a TOML value ({error}); write it as in a recipe") from error
