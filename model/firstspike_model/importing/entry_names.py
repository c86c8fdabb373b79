"""Names of a file's entries: which layer an entry belongs to, and the order of the layers."""

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from firstspike_spec import InputError
from firstspike_spec.common.text import quoted

#: Number of names that an error message lists.
MAX_LISTED = 8


class Place(NamedTuple):
    """Where an entry belongs: its layer, its role in the layer, and the word in its name that says so."""

    layer: str
    role: str
    word: str


_NAME = re.compile(
    r"(?:(?P<layer>.+)[._/])?(?P<word>weights?|kernel|w|bias(?:es)?|b)(?P<part>_orig|_mask)?(?:_?(?P<number>[0-9]+))?(?::[0-9]+)?",
    re.IGNORECASE | re.DOTALL,
)


def place_of(key: str, dimensions: int) -> Place:
    """Return where an entry belongs.

    The role is ``"weight"`` or ``"bias"``, with ``_orig`` or ``_mask`` appended for the parts of a pruned one, or ``""``.
    """
    match = _NAME.fullmatch(key)
    word = match["word"].lower() if match else ""
    if not match or (word == "b" and dimensions != 1):  # `layer_b` may also be the second of two matrices
        return Place(key, "weight" if dimensions == 2 else "", "")
    layer = ".".join(part for part in (match["layer"], match["number"]) if part)
    return Place(layer, ("bias" if word[0] == "b" else "weight") + (match["part"] or "").lower(), word)


def natural_order(names: list[str]) -> list[str]:
    """Return the names sorted by the numbers in them. The names must not differ in anything else."""
    parts = {name: re.split(r"([0-9]+)", name) for name in names}
    ordered = sorted(names, key=lambda name: [int(part) if at % 2 else part for at, part in enumerate(parts[name])])
    if len({tuple(part[::2]) for part in parts.values()}) > 1:
        raise InputError(
            f"the order of the layers {listed(ordered)} does not follow from their names; give all of them from the input to "
            "the output, as in --layers first,second"
        )
    return ordered


def named_order(names: Sequence[str], layers: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the layers in the order of the given names, which must name all; ``layers`` maps each layer to its entries."""
    if not names:
        raise InputError("at least one layer must be named; leave --layers out to take all in the order of their numbers")
    order: list[str] = []
    for name in names:
        layer = _layer_called(name, layers)
        if layer in order:
            raise InputError(f"layer {quoted(layer)} is named twice; each layer can be taken once")
        order.append(layer)
    others = [key for layer, keys in layers.items() if layer not in order for key in keys]
    if others:
        raise InputError(
            f"{listed(others)}: not in a layer that --layers names, which must name all; add the layer, or, if the network "
            f"does not use it, leave it out: {leave_out_option(others)}"
        )
    return order


def _layer_called(name: str, layers: Iterable[str]) -> str:
    """Return the layer of that name.

    The name may also be that of the layer's matrix, and may lack the beginning: ``fc1`` for ``module.fc1``.
    """
    layer = place_of(name, 2).layer
    ending = [known for known in layers if known.endswith((f".{layer}", f"/{layer}"))]
    if layer in layers:
        return layer
    if len(ending) != 1:
        raise InputError(f"there is no layer {quoted(name)}; the file has {listed(layers)}")
    return ending[0]


def left_out(entries: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """Return the entries whose names match a pattern, as in a shell: ``bn*``.

    Raises
    ------
    InputError
        If a pattern matches no entry, or no entry would remain.
    """
    entries = list(entries)
    chosen: set[str] = set()
    for pattern in patterns:
        matching = [key for key in entries if key == pattern or fnmatch.fnmatchcase(key, pattern)]
        if not matching:
            raise InputError(f"--leave-out: no entry is called {quoted(pattern)}; the file has {listed(entries)}")
        chosen.update(matching)
    if len(chosen) == len(entries):
        raise InputError(f"--leave-out {','.join(patterns)} leaves nothing of {listed(entries)}; leave out fewer entries")
    return [key for key in entries if key in chosen]


def leave_out_option(keys: Sequence[str]) -> str:
    """Return the command-line option that leaves these entries out."""
    return f"--leave-out {','.join(keys)}" if len(keys) <= MAX_LISTED else "--leave-out also takes patterns, such as bn*"


def listed(names: Iterable[str]) -> str:
    """Return names as an error message lists them."""
    names = list(names)
    rest = len(names) - MAX_LISTED
    return ", ".join(map(quoted, names[:MAX_LISTED])) + (f" and {rest:,} more" if rest > 0 else "")
