"""What a device's results are compared with: the golden model, and for the golden model itself another form of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from firstspike_spec.common.errors import InputError, needing
from firstspike_spec.inference.golden import infer_spikes
from firstspike_spec.inference.inference import Inference
from firstspike_spec.layered.network import LayeredNetwork

from .devices import Device
from .devices.golden import GoldenDevice
from .devices.kinds import AnyNetwork


@dataclass(frozen=True)
class Reference:
    """A form of the golden model.

    Attributes
    ----------
    name : str
        In words, such as ``"the golden model"``.
    infer : callable
        Returns the `Inference` of a batch of input spike times, to the last step.
    """

    name: str
    infer: Callable[[np.ndarray], Inference]


def reference_for(device: Device, network: AnyNetwork, *, early_exit: bool) -> Reference | None:
    """Return what a device's results are compared with, or ``None`` if that would be the same computation again.

    The golden device is not compared with itself. With early exit, it runs each image again until the decision; so the run to
    the last step, cut there, is another computation. Otherwise it is compared with the golden model in PyTorch, if that is
    installed.
    """
    if early_exit or not isinstance(device, GoldenDevice):
        return Reference("the golden model", lambda spike_times: infer_spikes(network, spike_times, early_exit=False))
    try:
        with needing("model", "PyTorch", "torch", what="another form of the golden model"):
            from firstspike_model.inference.golden import infer_spikes as infer_in_pytorch
            from firstspike_model.nn import IntegerNetwork
    except InputError:
        return None
    name = "the golden model in PyTorch"
    if isinstance(network, LayeredNetwork):
        return Reference(name, IntegerNetwork(network).infer_spikes)
    return Reference(name, lambda spike_times: infer_in_pytorch(network, spike_times, early_exit=False))
