"""Counts an engine's cycles by its compiled RTL."""

from collections.abc import Callable

import numpy as np

from firstspike_spec.compiler.contents import EngineContents

from ..cycles import Distribution, figures
from ..simulation import NativeEngine

#: Images that are run back to back.
STREAM_IMAGES = 250


def counted_figures(image: EngineContents, spike_times: np.ndarray, *, note: Callable[[str], None]) -> dict[str, float]:
    """Return the figures of `firstspike_hw.cycles.figures`.

    Parameters
    ----------
    image : EngineContents
    spike_times : ndarray of int16, shape (images, inputs)
        At least two images.
    note : callable
        Is told when the engine has to be compiled.
    """
    engine = NativeEngine(image.shape, note=note)
    engine.load(image)
    between = []
    for first in range(0, len(spike_times), STREAM_IMAGES):
        engine.run(spike_times[first : first + STREAM_IMAGES], early_exit=True)
        between.append(np.diff(engine.decision_cycles))
    alone = [engine.run(spike_times[[number]], early_exit=True).cycles for number in range(len(spike_times))]
    engine.close()
    between, alone = (Distribution.of(np.concatenate(cycles)) for cycles in (between, alone))
    return figures(len(spike_times), between=between, alone=alone)
