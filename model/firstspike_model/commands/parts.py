"""What the sub-commands of this package share. PyTorch is imported only where a command asks for it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from firstspike_spec import InputError, LayeredNetwork, Network
from firstspike_spec.common.errors import needing

RecipeArgument = Annotated[str, typer.Argument(help="Name of a recipe, such as mnist-mlp, or a recipe's .toml file.")]
EpochsScaleOption = Annotated[float, typer.Option(help="Multiplies all epochs: 0.1 for a quick try.")]
TorchDeviceOption = Annotated[str, typer.Option(help="cpu, cuda, or auto: a GPU if there is one.")]


@contextmanager
def importing_torch(what: str) -> Iterator[None]:
    """Import modules that need PyTorch in this block. If it is missing, the error says how to get it; ``what`` needs it."""
    # Idle threads of OpenMP would otherwise spin and slow down whatever else the machine does; read when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with needing("model", "PyTorch", "torch", what=what):
        yield


def check_network_name(out: Path) -> None:
    """Raise `InputError` if a network cannot be written under that name."""
    if out.suffix != ".safetensors":
        raise InputError(f"cannot write {out}: a network's file name ends with .safetensors; name it {out.stem}.safetensors")


def network_report(network: Network | LayeredNetwork, out: Path) -> dict[str, Any]:
    """Return what ``--json`` prints of a network that was written: its file, its sizes and its provenance."""
    return {
        "file": str(out),
        "digest": network.digest,
        "time_steps": network.time_steps,
        "neurons": [layer.targets for layer in network.layers],
        "weight_bits": _weight_bits(network),
        "synapses": network.synapses,
        **network.provenance,
    }


def _weight_bits(network: Network | LayeredNetwork) -> list[int]:
    """Return the width of the weights of each layer; of a layer with several sources, the largest."""
    if isinstance(network, LayeredNetwork):
        return [max(part.weight_bits for part in layer.projections) for layer in network.layers]
    return [layer.weight_bits for layer in network.layers]
