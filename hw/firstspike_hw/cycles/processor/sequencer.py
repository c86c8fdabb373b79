"""The sequencer: it goes through the program."""

from collections.abc import Sequence

from firstspike_spec.processor.instructions import End, Wait

from .latencies import FETCH, REST
from .work import Firing, Integration


class Sequencer:
    """Models `firstspike_hw.processor.shared.sequencer.Sequencer`, from the cycle after an image was seen.

    Parameters
    ----------
    program : sequence of Integration, Firing, Wait or End

    Attributes
    ----------
    firing : Firing, optional
        The last FIRE that has been fetched.
    layer : int
        The layer that is worked on.
    executed : Integration, Firing, Wait or End, optional
        The instruction that is executed in this cycle, or waits for that.
    waits : bool
        It goes on only after the FIRE under way.
    fire_ends : bool
        The FIRE under way is finished in this cycle.
    decides : bool
        The image is finished in this cycle.
    """

    def __init__(self, program: Sequence[Integration | Firing | Wait | End]):
        self._program, self._at = program, 0
        self._wait, self._fetches = FETCH, True
        self._again = False  # the instruction is fetched again after the FIRE under way
        self._under_way = False
        self._lanes_rest, self._fire_rests = _Rest(), _Rest()
        self.firing: Firing | None = None
        self.layer = 0
        self.fire_ends = self.decides = False

    @property
    def executed(self) -> Integration | Firing | Wait | End | None:
        return None if self._wait or self._fetches or self._again or self.decides else self._program[self._at]

    @property
    def waits(self) -> bool:
        return self._again or isinstance(self.executed, Wait | End)

    def step(self, *, integrating: bool, working: bool, firing: bool) -> Integration | Firing | None:
        """Go through a clock edge; return what is started in this cycle.

        Parameters
        ----------
        integrating : bool
            An INTEGRATE is under way.
        working : bool
            The lanes are.
        firing : bool
            A step of FIRE, or a total, is on its way.
        """
        executed, under_way = self.executed, self._under_way
        integrates = isinstance(executed, Integration) and not integrating
        lanes_rest = self._lanes_rest.step(active=integrating or integrates) and not working
        fires = isinstance(executed, Firing) and lanes_rest
        self.fire_ends = self._fire_rests.step(active=fires or firing) and under_way
        self._under_way = fires or (under_way and not self.fire_ends)

        if self._again:
            if not under_way:
                self._again = False
                self._fetch()
        elif self._wait:
            self._wait -= 1
        elif self._fetches:
            self._fetches = False
            self._fetched(self._program[self._at], under_way)
        elif integrates or fires or (isinstance(executed, Wait) and not under_way):
            self._at += 1
            self._fetch()
        elif isinstance(executed, End) and not under_way and not integrating:
            self.decides = True
        return executed if isinstance(executed, Integration | Firing) and (integrates or fires) else None

    def _fetch(self) -> None:
        self._wait, self._fetches = FETCH, True

    def _fetched(self, instruction: Integration | Firing | Wait | End, under_way: bool) -> None:
        """Take an instruction whose first word has come."""
        if isinstance(instruction, Firing):
            if under_way:
                self._again = True
                return
            self.firing = instruction
        if isinstance(instruction, Integration | Firing):
            self.layer, self._wait = instruction.layer, instruction.words - 1


class _Rest:
    """Whether something has not been active for some cycles."""

    def __init__(self) -> None:
        self._cycles = REST

    def step(self, *, active: bool) -> bool:
        """Go through a clock edge; return whether nothing was active in this cycle and those before it."""
        self._cycles = 0 if active else self._cycles + 1
        return self._cycles >= REST
