"""Counts an engine's cycles on its compiled RTL."""

from collections.abc import Callable

import numpy as np

from firstspike_spec.compiler.contents import EngineContents

from ..cycles import Distribution, figures
from ..simulation import NativeEngine

#: Images that are run back to back.
STREAM_IMAGES = 250


def counted_figures(contents: EngineContents, spike_times: np.ndarray, *, note: Callable[[str], None]) -> dict[str, float]:
    """Return the figures of `firstspike_hw.cycles.figures`.

    Parameters
    ----------
    contents : EngineContents
    spike_times : ndarray of int16, shape (images, inputs)
        At least two images.
    note : callable
        Receives a line if the engine must be compiled.
    """
    engine = NativeEngine(contents.shape, note=note)
    engine.load(contents)
    between: list[np.ndarray] = []
    for first in range(0, len(spike_times), STREAM_IMAGES):
        engine.run(spike_times[first : first + STREAM_IMAGES], early_exit=True)
        between.append(np.diff(engine.decision_cycles))
    alone = []
    for number in range(len(spike_times)):
        cycles = engine.run(spike_times[[number]], early_exit=True).cycles
        if cycles is None:
            raise RuntimeError("the engine's results have no cycles")
        alone.append(cycles)
    engine.close()
    return figures(
        len(spike_times),
        between=Distribution.of(np.concatenate(between)),
        alone=Distribution.of(np.concatenate(alone)),
    )
