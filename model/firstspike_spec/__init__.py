"""What every side of firstspike must agree on: networks, their inference, and the words that the engine is made of.

Nothing here needs more than numpy and safetensors, Pillow for pictures and rich for what is printed, and nothing here imports
another package of the project.
"""

from .artefact import load_network, save_network
from .compaction import remove_dead_neurons
from .comparison import Comparison, compare_inferences
from .datasets import Dataset, load_dataset
from .encoder import LatencyEncoder
from .errors import DeviceError, InputError, InputTypeError, UserError
from .golden import infer, infer_spikes
from .inference import Inference
from .layer import Layer
from .maps import Maps
from .network import Network
from .profiling import profile

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
