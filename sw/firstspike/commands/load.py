"""The sub-command ``firstspike load``."""

import json as json_format

from firstspike_spec.artefact.files import load_network
from firstspike_spec.terminal.console import note, say
from firstspike_spec.terminal.lanes import parse_lanes
from firstspike_spec.terminal.options import DeviceOption, JsonOption, LanesOption, NetworkArgument

from ..accelerator import Accelerator


def load(network: NetworkArgument, device: DeviceOption, lanes: LanesOption = None, json: JsonOption = False) -> None:
    """Load a network into a device, and check it there. It stays until another one is loaded or the power is cut."""
    loaded = load_network(network)
    with Accelerator.open(device, network=loaded, lanes=parse_lanes(lanes), note=note) as accelerator:
        if accelerator.info().get("load_seconds") is None:
            accelerator.load(loaded)  # the device holds it already, but it may be damaged
        info = accelerator.info()
    report = {
        "device": device,
        "network": str(network),
        "digest": loaded.digest,
        "synapses": loaded.synapses,
        "seconds": info.get("load_seconds", 0.0),
        "engine": info.get("engine"),
    }
    if json:
        print(json_format.dumps(report))
    else:
        say(f"loaded {network} ({loaded.synapses:,} connections) into {device} in {report['seconds']:.2f} s, and read it back")
