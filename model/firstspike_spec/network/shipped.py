"""The networks that ship with firstspike, wherever it runs."""

from pathlib import Path

from ..common.errors import InputError

#: The folders that can hold them: ``firstspike_spec/networks`` of an installed wheel (``pyproject.toml``), ``networks`` of a clone.
FOLDERS = (Path(__file__).parents[1] / "networks", Path(__file__).parents[3] / "networks")


def shipped_network(name: str) -> Path:
    """Return the file of a network that ships, such as ``"mnist-mlp"``.

    Raises
    ------
    InputError
        If it is not there.
    """
    for folder in FOLDERS:
        path = folder / f"{name}.safetensors"
        if path.is_file():
            return path
    raise InputError(f"the network {name} is not where firstspike is installed ({FOLDERS[0]}); name a network's file instead")
