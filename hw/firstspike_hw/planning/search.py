"""What engines would do in an FPGA, and which of them are worth building."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from firstspike_spec.common.errors import InputError
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.inference.golden import infer_spikes
from firstspike_spec.network.network import Network

from ..boards.fpga import Fpga
from ..cycles import replayed_figures
from ..cycles.estimate import ERROR, estimated_figures
from .blocks import block_rams, least_block_rams
from .estimates import Estimate, clock_mhz, luts

#: Numbers of lanes that a search tries, for each hidden layer.
LANES = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64)

#: The part of the logic that engines may take: place-and-route needs some room.
MOST_LOGIC = 0.95

#: A larger engine is worth building if it is faster by at least this factor.
_WORTH = 1.1


@dataclass(frozen=True)
class Outlook:
    """What some engines side by side would do in an FPGA.

    Attributes
    ----------
    lanes : tuple of int
        Of each hidden layer.
    engines : int
    fits : bool
        Whether there is room in the FPGA, as far as the estimate of the logic goes.
    block_rams : int
        Exact.
    luts, fmax_mhz : Estimate
    cycles_mean, cycles_p99 : float
        From one image to the next of the same engine.
    cycles_error : float
        How far off the mean may be, as a part of it. 0: the cycles are exact for the images tried.
    images_per_second : float
        Of all engines, at the estimated clock.
    latency_us_median, latency_us_p99 : float
        From an image's first spike to its class, alone, at the estimated clock.
    lane_utilisation : float
    """

    lanes: tuple[int, ...]
    engines: int
    fits: bool
    block_rams: int
    luts: Estimate
    fmax_mhz: Estimate
    cycles_mean: float
    cycles_p99: float
    cycles_error: float
    images_per_second: float
    latency_us_median: float
    latency_us_p99: float
    lane_utilisation: float

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def outlooks(
    network: Network,
    fpga: Fpga,
    spike_times: np.ndarray,
    *,
    shapes: Sequence[EngineShape],
    engines: int | None,
    exact: bool,
    toolchain: str,
    note: Callable[[str], None] = lambda text: None,
) -> list[Outlook]:
    """Return what engines of each of some shapes would do.

    Parameters
    ----------
    network : Network
    fpga : Fpga
    spike_times : ndarray of int16, shape (images, inputs)
        Of the images whose cycles are counted.
    shapes : sequence of EngineShape
        Those of the network, as of `firstspike_hw.boards.family.Family.plan`.
    engines : int, optional
        Side by side; by default every number for which there is room.
    exact : bool
        Replay each cycle. Otherwise cycles are estimated (`firstspike_hw.cycles.estimate`), which is far faster.
    toolchain : str
        As of `firstspike_hw.flow.tools.find_tool`.
    note : callable
        Receives a line on each step.
    """
    if engines is None:
        shapes = [shape for shape in shapes if _may_fit(shape, fpga)]
    note(f"block RAMs of {len(shapes)} engines ...")
    rams = block_rams(shapes, fpga, toolchain)
    inference = None if exact else infer_spikes(network, spike_times, early_exit=False)
    found = []
    for shape, blocks in zip(shapes, rams, strict=True):
        counts = [engines] if engines else _numbers(shape, blocks, fpga)
        if not counts:
            continue
        note(f"cycles of {len(spike_times):,} images with {', '.join(str(layer.lanes) for layer in shape.layers)} lanes ...")
        contents = compile_network(network, shape)
        if inference is None:
            cycles, error = replayed_figures(contents, spike_times), 0.0
        else:
            cycles, error = estimated_figures(contents, spike_times, inference), ERROR
        found += [_outlook(shape, count, blocks, fpga, cycles, error) for count in counts]
    return found


def shapes_to_try(network: Network, fpga: Fpga) -> list[EngineShape]:
    """Return the engines that a search tries: those of `LANES` that have no more lanes than the widest hidden layer."""
    channels = [layer.channels for layer in network.layers[:-1]]
    possible = []
    for count in LANES:
        if count > max(channels, default=1):
            break
        try:
            possible.append(fpga.family.plan(network, count))
        except InputError:
            continue  # such an engine cannot be built
    return possible


def pareto_front(found: Iterable[Outlook]) -> list[Outlook]:
    """Return those that fit and are at least a tenth faster than every smaller one; the smallest first."""
    front: list[Outlook] = []
    for one in sorted((one for one in found if one.fits), key=lambda one: (one.luts.value, -one.images_per_second)):
        if not front or one.images_per_second >= _WORTH * front[-1].images_per_second:
            front.append(one)
    return front


def _may_fit(shape: EngineShape, fpga: Fpga) -> bool:
    return _most_by_logic(shape, fpga) > 0 and least_block_rams(shape, fpga) <= fpga.block_rams


def _most_by_logic(shape: EngineShape, fpga: Fpga) -> int:
    return int(MOST_LOGIC * fpga.logic // luts(shape, fpga).value)


def _numbers(shape: EngineShape, blocks: int, fpga: Fpga) -> range:
    return range(1, min(_most_by_logic(shape, fpga), fpga.block_rams // max(1, blocks)) + 1)


def _fits(shape: EngineShape, blocks: int, fpga: Fpga, engines: int) -> bool:
    return luts(shape, fpga, engines).value <= MOST_LOGIC * fpga.logic and engines * blocks <= fpga.block_rams


def _outlook(
    shape: EngineShape, engines: int, blocks: int, fpga: Fpga, cycles: dict[str, float], cycles_error: float
) -> Outlook:
    logic = luts(shape, fpga, engines)
    clock = clock_mhz(shape, logic.value, fpga)
    return Outlook(
        lanes=tuple(layer.lanes for layer in shape.layers),
        engines=engines,
        fits=_fits(shape, blocks, fpga, engines),
        block_rams=engines * blocks,
        luts=logic,
        fmax_mhz=clock,
        cycles_mean=cycles["cycles_mean"],
        cycles_p99=cycles["cycles_p99"],
        cycles_error=cycles_error,
        images_per_second=engines * clock.value * 1e6 / cycles["cycles_mean"],
        latency_us_median=cycles["latency_cycles_median"] / clock.value,
        latency_us_p99=cycles["latency_cycles_p99"] / clock.value,
        lane_utilisation=cycles["lane_utilisation"],
    )
