"""Run a time-to-first-spike network on a device: the golden model, the simulated engine, or a board."""

from firstspike_spec import DeviceError, InputError, LayeredNetwork, Network, UserError, load_network
from firstspike_spec.inference.results import Results

from .accelerator import Accelerator
from .validation import Validation

__all__ = [
    "Accelerator",
    "DeviceError",
    "InputError",
    "LayeredNetwork",
    "Network",
    "Results",
    "UserError",
    "Validation",
    "load_network",
]
