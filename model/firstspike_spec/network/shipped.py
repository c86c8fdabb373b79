"""The networks that ship with firstspike, wherever it runs."""

from pathlib import Path

from ..common.errors import InputError

#: Where they lie: in the package, if it came as a wheel (``pyproject.toml``), or in the clone that it runs from.
FOLDERS = (Path(__file__).parent / "networks", Path(__file__).parents[3] / "networks")


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
