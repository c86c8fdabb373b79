"""A recipe's settings as plain values, of the kinds that TOML and JSON have."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any, get_args

from firstspike_spec import InputError, InputTypeError

from .layered_recipe import LayeredRecipe
from .recipe import Recipe

#: The recipes of each kind of network, by the word for it in a recipe's file; without one, the first.
KINDS: dict[str, type[Recipe] | type[LayeredRecipe]] = {"step-by-step": Recipe, "layered": LayeredRecipe}


def recipe_of(name: str, settings: Mapping[str, Any]) -> Recipe | LayeredRecipe:
    """Return the recipe with the given settings.

    Parameters
    ----------
    name : str
    settings : mapping
        Values of the kinds that TOML and JSON have, by the names of `Recipe`'s attributes; or ``kind = "layered"`` and those
        of `LayeredRecipe`.

    Raises
    ------
    InputError, InputTypeError
        If a setting is missing, unknown, of the wrong kind or out of range.
    """
    settings = dict(settings)
    kind = settings.pop("kind", next(iter(KINDS)))
    if kind not in KINDS:
        raise InputError(f"recipe {name}: kind must be one of {', '.join(KINDS)}, not {kind!r}")
    made = KINDS[kind]
    kinds = {field.name: field.type for field in fields(made) if field.name != "name"}
    needed = {field.name for field in fields(made) if field.name != "name" and field.default is MISSING}
    unknown, missing = sorted(set(settings) - set(kinds)), sorted(needed - set(settings))
    if unknown or missing:
        parts = [f"unknown: {', '.join(unknown)}"] * bool(unknown) + [f"missing: {', '.join(missing)}"] * bool(missing)
        raise InputError(f"recipe {name}: settings {'; '.join(parts)}; the settings are {', '.join(kinds)}")
    try:
        return made(name, **{key: _typed(key, setting, kinds[key]) for key, setting in settings.items()})
    except (InputError, InputTypeError) as error:
        raise type(error)(f"recipe {name}: {error}") from error


def settings_of(recipe: Recipe | LayeredRecipe) -> dict[str, Any]:
    """Return all settings but the name, as values of the kinds that TOML and JSON have: the reverse of `recipe_of`."""
    settings: dict[str, Any] = {
        key: list(value) if isinstance(value, tuple) else value for key, value in asdict(recipe).items()
    }
    del settings["name"]
    return settings | ({"kind": "layered"} if isinstance(recipe, LayeredRecipe) else {})


def settings_names() -> list[str]:
    """Return the names of all settings, of both kinds of recipe."""
    names = dict.fromkeys(field.name for made in KINDS.values() for field in fields(made))
    return [*(name for name in names if name != "name"), "kind"]


def _typed(key: str, value: Any, kind: Any) -> Any:
    """Return a TOML value as a setting of the type ``kind``: bool, str, int, float, a tuple of these, or a union of such."""
    kinds = get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    for single in kinds:
        if isinstance(single, types.GenericAlias) and isinstance(value, list):
            inner = get_args(single)[0]
            if all(_is_a(number, inner) for number in value):
                return tuple(inner(number) for number in value)
        elif not isinstance(single, types.GenericAlias) and _is_a(value, single):
            return single(value)
    raise InputTypeError(f"{key} must be {' or '.join(_WORDS[single] for single in kinds)}, not {value!r}")


def _is_a(value: object, kind: type) -> bool:
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, int | float if kind is float else kind)


_WORDS: dict[Any, str] = {
    bool: "true or false",
    str: "a string",
    int: "a whole number",
    float: "a number",
    tuple[int, ...]: "a list of whole numbers",
    tuple[float, ...]: "a list of numbers",
}
