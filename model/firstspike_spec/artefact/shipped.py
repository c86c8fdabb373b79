"""The networks that come with firstspike, in a clone and in an installed package."""

from pathlib import Path

from ..common.errors import InputError

#: The folder of an installed wheel (see ``pyproject.toml``), and that of a clone.
FOLDERS = (Path(__file__).parents[1] / "networks", Path(__file__).parents[3] / "networks")


def shipped_network(name: str) -> Path:
    """Return the file of a network that comes with firstspike, such as ``"mnist-mlp"``.

    Raises
    ------
    InputError
        If there is none of this name.
    """
    for folder in FOLDERS:
        path = folder / f"{name}.safetensors"
        if path.is_file():
            return path
    raise InputError(f"the network {name} is not where firstspike is installed ({FOLDERS[0]}); name a network's file instead")
