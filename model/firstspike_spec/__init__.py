"""The specification that all parts of firstspike share: networks, their inference, and the words of the engine and its link.

It needs only numpy and safetensors, Pillow for pictures, and typer and rich for the command line. It imports no other package
of the project.
"""

from .common.errors import DeviceError, InputError, InputTypeError, UserError
from .datasets import Dataset, load_dataset
from .inference.comparison import Comparison, compare_inferences
from .inference.golden import infer, infer_spikes
from .inference.inference import Inference
from .inference.profiling import profile
from .network.artefact import load_network, save_network
from .network.compaction import remove_dead_neurons
from .network.encoder import LatencyEncoder
from .network.layer import Layer
from .network.maps import Maps
from .network.network import Network

__all__ = [
    "Comparison",
    "Dataset",
    "DeviceError",
    "Inference",
    "InputError",
    "InputTypeError",
    "LatencyEncoder",
    "Layer",
    "Maps",
    "Network",
    "UserError",
    "compare_inferences",
    "infer",
    "infer_spikes",
    "load_dataset",
    "load_network",
    "profile",
    "remove_dead_neurons",
    "save_network",
]
