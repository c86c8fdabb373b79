"""Estimates of logic and clock, fitted to what place-and-route has reported."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from firstspike_spec.engine import EngineShape

from ..bench.device import Device
from ..dp16kd import MOST_LUT_RAM_WORDS
from .memories import lut_ram_bits

#: What `firstspike_hw.planning.fit` has found.
FITTED = "fitted.json"


@dataclass(frozen=True)
class Estimate:
    """A figure, and how far such an estimate was off at most, as a part of it, where it could be checked."""

    value: float
    error: float


def features(shape: EngineShape) -> np.ndarray:
    """Return what the logic of an engine is made of: its lanes, their datapaths' bits, words in LUTs, and the rest.

    Returns
    -------
    ndarray of float, shape (4,)
        Lanes; bits of the lanes' sums, rows and queues; bits of memory in LUTs; bits of the output's potentials, and 1 in 64.
    """
    lanes = sum(layer.lanes for layer in shape.layers)
    bits = sum(layer.lanes * (layer.potential_bits + shape.spikes_per_token * layer.pointer.bits) for layer in shape.layers)
    output = shape.output.neurons * shape.output.potential_bits
    return np.array([lanes, bits, lut_ram_bits(shape, MOST_LUT_RAM_WORDS), output + 64], float)


def luts(shape: EngineShape, device: Device, engines: int = 1) -> Estimate:
    """Return the logic that engines take, in what `Family.logic` counts."""
    fitted = _fitted(device.family.name)["logic"]
    return Estimate(engines * float(features(shape) @ fitted["coefficients"]), fitted["error"])


def clock_mhz(logic: float, device: Device) -> Estimate:
    """Return the clock that so much logic reaches: every doubling of it costs as much."""
    fitted = _fitted(device.family.name)["clock"]
    first, doubling = fitted["coefficients"]
    return Estimate(first + doubling * float(np.log2(logic / 1000)), fitted["error"])


@cache
def _fitted(family: str) -> dict:
    return json.loads((files(__package__) / FITTED).read_text())[family]
