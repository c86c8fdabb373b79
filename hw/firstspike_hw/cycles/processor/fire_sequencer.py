"""The steps of a FIRE."""

from collections.abc import Sequence

from firstspike_spec.processor.instructions import Fire
from firstspike_spec.processor.shape import ProcessorShape

from .latencies import UNIT_GAP

#: A cycle without a step, and one with a step that closes no window. Else it is the number of the window that is closed.
NO_STEP, STEP = -2, -1


def steps_of(fire: Fire, shape: ProcessorShape) -> list[int]:
    """Return what the fire sequencer does in each cycle of a FIRE, if no lane is crowded."""
    rows, columns = _sides(fire.unit_rows, fire.pooling), _sides(fire.pitch, fire.pooling)
    visits = [height * width for width in columns for height in rows]
    steps = [STEP] * fire.lead
    for unit in range(fire.units):
        # The cycle in which a unit begins is one of the gap.
        steps += [NO_STEP] * (1 if unit == 0 else UNIT_GAP)
        steps += [STEP] * shape.header_words
        for window, size in enumerate(visits, unit * len(visits)):
            steps += [STEP] * (size - 1) + [window]
    return steps


def _sides(places: int, pooling: int) -> list[int]:
    """Return the length of each window along a side; the last one may be incomplete."""
    return [min(pooling, places - first) for first in range(0, places, pooling)]


class FireSequencer:
    """Models `firstspike_hw.processor.shared.fire_sequencer.FireSequencer`.

    Attributes
    ----------
    step_given : int
        What it tells the lanes in this cycle.
    """

    def __init__(self) -> None:
        self._steps: Sequence[int] = ()
        self._at = 0
        self.step_given = NO_STEP

    @property
    def stepping(self) -> bool:
        """Whether steps are left."""
        return self._at < len(self._steps)

    @property
    def busy(self) -> bool:
        """Whether it has not given the last step yet."""
        return self.stepping or self.step_given != NO_STEP

    def start(self, steps: Sequence[int]) -> None:
        """Begin a FIRE with the next cycle."""
        self._steps, self._at = steps, 0

    def step(self, *, crowded: bool) -> None:
        """Go through a clock edge."""
        self.step_given = NO_STEP
        if self.stepping:
            following = self._steps[self._at]
            if following == NO_STEP or not crowded:
                self.step_given = following
                self._at += 1
