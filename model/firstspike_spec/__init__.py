"""The specification that all parts of firstspike share: networks, their inference, and the words of the engine and its link.

It needs only numpy and safetensors, Pillow for pictures, and typer and rich for the command line. It imports no other package
of the project.
"""

from .artefact.files import load_network, load_step_network, save_network
from .common.errors import DeviceError, InputError, InputTypeError, UserError
from .datasets import Dataset, load_dataset
from .inference.comparison import Comparison, compare_inferences
from .inference.golden import infer, infer_spikes
from .inference.inference import Inference
from .inference.profiling import profile
from .layered.compaction import remove_dead_neurons
from .layered.input_code import InputCode
from .layered.kernels import base_two_kernel, linear_kernel
from .layered.layer import LayeredLayer
from .layered.network import LayeredNetwork
from .layered.projection import Projection
from .network.encoder import LatencyEncoder
from .network.layer import Layer
from .network.maps import Maps
from .network.network import Network
from .processor.compile import compile_layered
from .processor.plan import plan_processor
from .processor.shape import ProcessorShape

__all__ = [
    "Comparison",
    "Dataset",
    "DeviceError",
    "Inference",
    "InputCode",
    "InputError",
    "InputTypeError",
    "LatencyEncoder",
    "Layer",
    "LayeredLayer",
    "LayeredNetwork",
    "Maps",
    "Network",
    "ProcessorShape",
    "Projection",
    "UserError",
    "base_two_kernel",
    "compare_inferences",
    "compile_layered",
    "infer",
    "infer_spikes",
    "linear_kernel",
    "load_dataset",
    "load_network",
    "load_step_network",
    "plan_processor",
    "profile",
    "remove_dead_neurons",
    "save_network",
]
