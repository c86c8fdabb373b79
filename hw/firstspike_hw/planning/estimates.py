"""Estimates of logic and clock, fitted to reports of place-and-route."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from firstspike_spec.compiler.engine_shape import EngineShape

from ..boards.fpga import Fpga
from ..memory.style import GENERIC_MEMORY, MemoryStyle
from .memories import lut_ram_luts

#: The coefficients that `firstspike_hw.planning.fit` has found.
FITTED = "fitted.json"


@dataclass(frozen=True)
class Estimate:
    """A figure, and the largest error of such estimates so far, as a part of the figure."""

    value: float
    error: float


def features(shape: EngineShape, style: MemoryStyle) -> np.ndarray:
    """Return what the logic of an engine is made of: its lanes, their memories in LUTs, what maps take, and the rest.

    Returns
    -------
    ndarray of float, shape (4,)
        Lanes; `lut_ram_luts`; bits of the output's potentials, and 64 more; lanes
        of layers with maps.
    """
    lanes = sum(layer.lanes for layer in shape.layers)
    with_maps = sum(layer.lanes for layer in shape.layers if layer.address_table)
    return np.array(
        [lanes, lut_ram_luts(shape, style), shape.output.neurons * shape.output.potential_bits + 64, with_maps], float
    )


def clock_features(shape: EngineShape, logic: float) -> np.ndarray:
    """Return what the clock depends on: how often the logic doubles, and whether lanes wait for block RAM.

    Lanes of many neurons have their sums in block RAM without its output register, which is slower than LUTs.
    """
    deep = any(layer.lane_neurons > GENERIC_MEMORY.lut_ram_words for layer in shape.layers)
    return np.array([1, deep, np.log2(logic / 10_000)], float)


def luts(shape: EngineShape, fpga: Fpga, engines: int = 1) -> Estimate:
    """Return the logic that engines take, in what `Family.logic` counts."""
    fitted = _fitted(fpga.family.name)["logic"]
    return Estimate(engines * float(features(shape, fpga.memory_style) @ fitted["coefficients"]), fitted["error"])


def clock_mhz(shape: EngineShape, logic: float, fpga: Fpga) -> Estimate:
    """Return the clock that engines of a shape reach if together they take that much logic."""
    fitted = _fitted(fpga.family.name)["clock"]
    return Estimate(float(clock_features(shape, logic) @ fitted["coefficients"]), fitted["error"])


@cache
def _fitted(family: str) -> dict:
    return json.loads((files(__package__) / FITTED).read_text("utf-8"))[family]
