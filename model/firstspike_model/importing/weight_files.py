"""Reading fully connected layers that were trained elsewhere from a file."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstspike_spec import InputError, InputTypeError
from firstspike_spec.common.files import read_file
from firstspike_spec.common.text import printable, quoted
from firstspike_spec.network.provenance import MAX_NAME

from .entry_names import left_out, listed
from .entry_refusals import shape_of
from .weight_entries import DenseLayer, dense_layers
from .weight_formats import MAX_FILE_BYTES, parse_entries

#: Limits of the number of entries, and of the depth of mappings in which weights are searched for.
MAX_ENTRIES, MAX_DEPTH = 2048, 4


@dataclass(frozen=True, eq=False)
class WeightFile:
    """The layers of one file, from the input to the output.

    Attributes
    ----------
    name : str
        Of the file, without its folder.
    sha256 : str
        Of the file's bytes, in hexadecimal.
    layers : tuple of DenseLayer
    transposed : bool
        Whether the file's matrices have the shape (sources, targets).
    left_out : tuple of str
        The names of the entries that were left out, also of those beside ``under``.
    under : str, optional
        Where in a checkpoint the weights are.
    warnings : tuple of str
        Doubts about the meaning of the file.
    """

    name: str
    sha256: str
    layers: tuple[DenseLayer, ...]
    transposed: bool = False
    left_out: tuple[str, ...] = ()
    under: str | None = None
    warnings: tuple[str, ...] = ()


def read_weights(
    path: str | os.PathLike[str],
    names: Sequence[str] | None = None,
    *,
    transpose: bool | None = None,
    leave_out: Sequence[str] = (),
    under: str | None = None,
) -> WeightFile:
    """Read the linear layers of a NumPy archive, a file of ``torch.save``, or a safetensors file.

    The matrix of a layer NAME is the entry ``NAME.weight``, ``NAME.kernel``, ``NAME.w`` or ``NAME``. Its biases, if there are
    any, are ``NAME.bias`` or ``NAME.b``. The dot may also be ``_`` or ``/``, and letters may be small or capital.
    ``weight_orig`` and ``weight_mask``, which pruning in PyTorch creates, are multiplied.

    Parameters
    ----------
    path : path
        The content decides which kind of file it is, not the name.
    names : sequence of str, optional
        All layers, from the input to the output. By default the numbers in their names give the order (2 before 10).
    transpose : bool, optional
        Whether the file's matrices have the shape (sources, targets). By default their shape is (targets, sources); but if
        they are named ``kernel``, as in Keras, it is (sources, targets), and their sizes must confirm it.
    leave_out : sequence of str
        Entries to leave out, by names or shell patterns. All others must belong to a layer.
    under : str, optional
        Where in a checkpoint the weights are, such as ``"model"``. Everything else is left out.

    Raises
    ------
    InputTypeError, InputError
        If the file cannot be read, or an entry fits no layer, is missing, is not a finite matrix of floats, or does not fit
        the others.
    """
    path = Path(path)
    content = read_file(path, MAX_FILE_BYTES, "name a file with weights")
    try:
        entries, beside = _weights_in(parse_entries(content, printable(path)), under)
        if len(entries) + len(beside) > MAX_ENTRIES:
            raise InputError(
                f"it has {len(entries) + len(beside):,} entries, more than {MAX_ENTRIES:,}; save the layers alone"
            )
        leaving = left_out(entries, leave_out)
        kept = {key: value for key, value in entries.items() if key not in set(leaving)}
        layers, transposed, warnings = dense_layers(kept, names, transpose)
    except InputTypeError as error:
        raise InputTypeError(f"cannot import {path}: {error}") from error
    except InputError as error:
        raise InputError(f"cannot import {path}: {error}") from error
    return WeightFile(
        printable(path.name),
        hashlib.sha256(content).hexdigest(),
        layers,
        transposed,
        tuple(printable(key, MAX_NAME) for key in [*beside, *leaving]),
        under,
        tuple(warnings),
    )


def _weights_in(content: Mapping[str, Any], under: str | None) -> tuple[Mapping[str, Any], list[str]]:
    """Return the mapping with the weights, and the names of everything beside it."""
    places = _places(content)
    if under is None:
        if not places or "" in places:
            return content, []
        if len(places) > 1:
            raise InputError(
                f"it is a checkpoint with weights under {listed(places)}; choose one with --under, which leaves out the rest"
            )
        (name,) = places
        raise InputError(
            f"it is a checkpoint: the weights are under {quoted(name)}; take these with --under {name}, which leaves out the "
            f"rest ({listed(_at(content, places[name])[1]) or 'nothing'}), or save them alone"
        )
    if under not in places:
        known = [name for name in places if name]
        where = f"they are under {listed(known)}" if known else "leave --under out"
        raise InputError(f"there are no weights under {quoted(under)}; {where}")
    return _at(content, places[under])


def _places(content: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the places of mappings that contain matrices.

    A place is the sequence of keys that leads to it. Its name, by which it is returned, joins them by dots; that of the whole
    file is ``""``.
    """
    places: dict[str, tuple[str, ...]] = {}
    waiting: list[tuple[tuple[str, ...], Mapping[str, Any]]] = [((), content)]
    seen = set()  # a mapping may lie within itself
    for place, mapping in waiting:
        if id(mapping) in seen or not all(isinstance(key, str) for key in mapping):
            continue
        seen.add(id(mapping))
        if any(len(shape_of(value) or ()) > 1 for value in mapping.values()):
            name = ".".join(place)
            if name in places:
                raise InputError(f"there are two places called {quoted(name)} with weights; save one of them alone")
            places[name] = place
        if len(place) < MAX_DEPTH:
            waiting += [((*place, key), value) for key, value in mapping.items() if isinstance(value, Mapping)]
    return places


def _at(content: Mapping[str, Any], place: tuple[str, ...]) -> tuple[Mapping[str, Any], list[str]]:
    """Return the mapping at a place, and the names of everything beside it."""
    beside: list[str] = []
    for depth, key in enumerate(place):
        beside += [".".join((*place[:depth], str(other))) for other in content if other != key]
        content = content[key]
    return content, beside
