"""What a bitstream is made from, as one number."""

import hashlib
import json
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable

from .tools import Tool

_PACKAGES = ("amaranth", "amaranth-boards")


def versions(tools: list[Tool]) -> dict[str, str]:
    """Return the versions of the programs and packages that make a bitstream."""
    return {**{tool.name: tool.version for tool in tools}, **{package: version(package) for package in _PACKAGES}}


def build_key(choices: dict[str, object], tools: list[Tool]) -> str:
    """Return the SHA-256, in hexadecimal, of everything that a bitstream depends on.

    Parameters
    ----------
    choices : dict
        What the user chose, as JSON takes it.
    tools : list of Tool
        The programs.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(choices, sort_keys=True).encode())
    digest.update(json.dumps(versions(tools), sort_keys=True).encode())
    for package in ("firstspike_hw", "firstspike_spec"):
        for name, content in sorted(_sources(files(package), package)):
            digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()


def _sources(folder: Traversable, name: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        path = f"{name}/{entry.name}"
        if entry.is_dir():
            found += _sources(entry, path)
        elif entry.name.endswith(".py"):
            found.append((path, entry.read_bytes()))
    return found
