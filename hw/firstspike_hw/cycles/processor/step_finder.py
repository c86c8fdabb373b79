"""The step finder."""

from collections import deque

from .latencies import FIND_STEP
from .queues import NOTHING


class StepFinder:
    """Models `firstspike_hw.processor.shared.step_finder.StepFinder`.

    Attributes
    ----------
    out : int
        On offer; `queues.NOTHING` if nothing is.
    busy : bool
        Something is in it.
    """

    def __init__(self) -> None:
        self._stages = deque([NOTHING] * FIND_STEP)

    @property
    def out(self) -> int:
        return self._stages[0]

    @property
    def busy(self) -> bool:
        return any(self._stages)

    def ready(self, *, taken: bool) -> bool:
        """Return whether what is on offer to it is taken in this cycle if its own is ``taken``."""
        return taken or self.out == NOTHING

    def step(self, offered: int, *, taken: bool) -> None:
        """Go through a clock edge."""
        if self.ready(taken=taken):
            self._stages.append(offered)
            self._stages.popleft()
