"""What a layered network would do on the standard processors of boards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from firstspike_spec.common.errors import InputError
from firstspike_spec.inference.golden import infer_spikes
from firstspike_spec.layered.network import LayeredNetwork
from firstspike_spec.processor.compile import compile_layered
from firstspike_spec.processor.shape import ProcessorShape
from firstspike_spec.protocol.processor_results import SpikesLost

from ..boards.board import Board
from ..boards.standard import standard_processor
from ..cycles import Distribution, cycle_figures
from ..cycles.processor import replay


@dataclass(frozen=True)
class ProcessorOutlook:
    """What a network would do on the standard processor of a board.

    Attributes
    ----------
    board : str
    lanes : int
    clock_mhz : float
        The board's.
    problem : str, optional
        Why the network cannot run there; else the figures are there.
    figures : dict of str to float, optional
        Exact cycles as of `firstspike_hw.cycles.cycle_figures`, and ``lane_utilisation``: additions by lane and cycle, 0 .. 1.
    """

    board: str
    lanes: int
    clock_mhz: float
    problem: str | None = None
    figures: dict[str, float] | None = None

    @property
    def fits(self) -> bool:
        return self.problem is None

    @property
    def images_per_second(self) -> float | None:
        """Of the processor; the board's serial line may be slower."""
        return None if self.figures is None else self.clock_mhz * 1e6 / self.figures["cycles_mean"]

    @property
    def latency_us(self) -> tuple[float, float] | None:
        """Median, and 99th percentile."""
        if self.figures is None:
            return None
        median, high = self.figures["latency_cycles_median"], self.figures["latency_cycles_p99"]
        return median / self.clock_mhz, high / self.clock_mhz

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        found: dict[str, Any] = {"board": self.board, "lanes": self.lanes, "clock_mhz": self.clock_mhz, "fits": self.fits}
        if self.figures is None or self.latency_us is None:
            return found | {"problem": self.problem}
        median, high = self.latency_us
        return found | {
            **self.figures,
            "images_per_second": self.images_per_second,
            "latency_us_median": median,
            "latency_us_p99": high,
        }


def processor_outlooks(
    network: LayeredNetwork, boards: Sequence[Board], spike_times: np.ndarray, note: Callable[[str], None] = lambda text: None
) -> list[ProcessorOutlook]:
    """Return what a network would do on the standard processor of each board.

    Parameters
    ----------
    network : LayeredNetwork
    boards : sequence of Board
        All with a standard processor.
    spike_times : ndarray of int16, shape (images, inputs)
        Of the images whose cycles are counted.
    note : callable
        Receives a line on each step.
    """
    times = infer_spikes(network, spike_times).spike_times
    known: dict[ProcessorShape, dict[str, float] | str] = {}
    found = []
    for board in boards:
        shape = standard_processor(board)
        if shape not in known:
            note(f"cycles of {len(spike_times):,} images on {board.name}, with {shape.lanes} lanes ...")
            known[shape] = _figures(network, shape, times)
        result = known[shape]
        facts = board.name, shape.lanes, board.clock_hz / 1e6
        if isinstance(result, str):
            found.append(ProcessorOutlook(*facts, problem=result))
        else:
            found.append(ProcessorOutlook(*facts, figures=result))
    return found


def _figures(network: LayeredNetwork, shape: ProcessorShape, spike_times: Sequence[np.ndarray]) -> dict[str, float] | str:
    """Return the figures, or why there are none."""
    try:
        contents = compile_layered(network, shape)
        counted = replay(contents, spike_times, by_step=True)
    except (InputError, SpikesLost) as error:
        return str(error)
    cycles = cycle_figures(between=Distribution.of(counted.intervals), alone=Distribution.of(counted.cycles))
    return cycles | {"lane_utilisation": float(counted.additions.sum() / (shape.lanes * counted.intervals.sum()))}
