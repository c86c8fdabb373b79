"""The key of a bitstream: one hash of everything that it is made from."""

import hashlib
import json
from importlib.metadata import version

from .sources import sources
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
        The user's choices, as values that JSON can hold.
    tools : list of Tool
        The toolchain's programs.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(choices, sort_keys=True).encode())
    digest.update(json.dumps(versions(tools), sort_keys=True).encode())
    digest.update(sources())
    return digest.hexdigest()
