"""A model of the processor that gives its exact cycles without simulating its RTL.

It has the processor's parts, with every register that can delay something, and takes their latencies from the gateware
(`latencies`). What each neuron does is known beforehand: the golden model says which of them spike.
"""

from .replay import ProcessorReplay, Use, replay

__all__ = ["ProcessorReplay", "Use", "replay"]
