"""A network as one file: safetensors, with a format version and a digest of the content.

Nothing in the file is trusted: sizes are checked before memory of that size is used, and a network from a file passes the same
checks as one built in memory, and must match its digest. The activity of sources is optional. It is not part of the content's
digest, so it has a digest of its own.
"""

import os

import numpy as np

from ..common.errors import InputError, InputTypeError, UserError
from ..common.files import read_file, write_file
from ..common.text import quoted
from ..layered.content import activities as layered_activities
from ..layered.network import LayeredNetwork
from ..network.content import activities
from ..network.network import Network, chain_refuses
from . import layered, stepwise
from .container import MAX_FILE_BYTES, check_integrity, packed, read_container

FORMAT_VERSIONS = (*stepwise.VERSIONS, layered.VERSION)


def save_network(network: Network | LayeredNetwork, path: str | os.PathLike) -> None:
    """Write a network of either kind to a ``.safetensors`` file, completely or not at all.

    Raises
    ------
    InputTypeError
        If ``network`` is none, or ``path`` is not a path.
    InputError
        If the file cannot be written, or `load_network` would refuse it.
    """
    if not isinstance(network, Network | LayeredNetwork):
        raise InputTypeError(f"a Network is wanted, not {quoted(network)}; load_network reads one from a file")
    _check_path(path)
    try:
        content = packed(_version_of(network), network.description, network.digest, network.tensors, _activities(network))
    except InputError as error:
        raise InputError(f"cannot write {path}: {error}") from error
    write_file(path, content)


def load_network(path: str | os.PathLike) -> Network | LayeredNetwork:
    """Read a network of either kind, and check everything that can be checked.

    Raises
    ------
    InputError
        If the file is missing, truncated, damaged, of another format or version, or its content breaks a rule of
        `Network` or `LayeredNetwork`; the message names the file and the place in it.
    InputTypeError
        If ``path`` is not a path.
    """
    _check_path(path)
    content = read_file(path, MAX_FILE_BYTES, "name a network's .safetensors file")
    try:
        return _load(content)
    except UserError as error:
        raise InputError(f"{os.fspath(path)}: {error}") from error


def load_step_network(path: str | os.PathLike) -> Network:
    """Read a step-by-step network; as `load_network`, but a layered network is refused.

    Raises
    ------
    InputError, InputTypeError
        As `load_network`, and if the network is layered.
    """
    network = load_network(path)
    if not isinstance(network, Network):
        raise InputError(f"{os.fspath(path)}: {chain_refuses(network.kind)}")
    return network


def _check_path(path: object) -> None:
    if not isinstance(path, str | os.PathLike):
        raise InputTypeError(f"a network's file is named by a path, not {quoted(path)}")


def _load(content: bytes) -> Network | LayeredNetwork:
    container = read_container(content, FORMAT_VERSIONS)
    is_layered = container.metadata["format_version"] == layered.VERSION
    network = layered.read_network(container) if is_layered else stepwise.read_network(container)
    check_integrity(container, _version_of(network), network.description, network.digest, _activities(network))
    return network


def _version_of(network: Network | LayeredNetwork) -> str:
    return stepwise.version_of(network) if isinstance(network, Network) else layered.VERSION


def _activities(network: Network | LayeredNetwork) -> dict[str, np.ndarray]:
    return activities(network.layers) if isinstance(network, Network) else layered_activities(network.layers)
