"""The two kinds of network, and what the devices and commands must know of them."""

from firstspike_spec.common.errors import InputError
from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.network.base import BaseNetwork
from firstspike_spec.network.network import Network

AnyNetwork = Network | LayeredNetwork


def step_network(network: AnyNetwork, what: str) -> Network:
    """Return a step-by-step network; a layered one is refused.

    Parameters
    ----------
    network : Network or LayeredNetwork
    what : str
        What cannot take a layered network, in words, such as ``"the simulated engine"``.

    Raises
    ------
    InputError
        If the network is layered.
    """
    if isinstance(network, LayeredNetwork):
        raise InputError(
            f"the network is layered, and {what} takes step-by-step networks only; layered ones run on a "
            "processor: a board's standard bitstream (firstspike build --board BOARD), or a simulated device opened for them"
        )
    return network


def layered_network(network: AnyNetwork, what: str) -> LayeredNetwork:
    """Return a layered network; a step-by-step one is refused.

    Parameters
    ----------
    network : Network or LayeredNetwork
    what : str
        What cannot take a step-by-step network, in words.

    Raises
    ------
    InputError
        If the network is step-by-step.
    """
    if not isinstance(network, LayeredNetwork):
        raise InputError(
            f"the network is step-by-step, and {what} takes layered networks only; build an engine for "
            "it (firstspike build NETWORK --board BOARD), or open a simulated device for it"
        )
    return network


def ends_early(network: BaseNetwork, early_exit: bool) -> bool:
    """Return whether inferences end at the decision. Those of layered networks have no early exit, whatever is asked for."""
    return early_exit and not isinstance(network, LayeredNetwork)


def check_takes_images(network: BaseNetwork) -> None:
    """Raise `InputError` if the network takes spike times and no images."""
    if isinstance(network, LayeredNetwork) and network.input_code.channels is None:
        raise InputError(
            "the network takes spike times and no images, for it has no thresholds for pixels; run it from Python with "
            "Accelerator.run_spikes"
        )
