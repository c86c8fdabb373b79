"""The spike memory, as far as a program determines it: which places of the ring are taken, and which spikes find none."""

from collections.abc import Sequence

import numpy as np

from .instructions import Fire, Instruction, Integrate


class SpikeMemory:
    """Counts the places of the ring of spikes while a program runs.

    Here, a FIRE writes all its spikes at once. In a processor, the next instruction runs meanwhile. If that is an INTEGRATE
    with `release`, FIRE waits for the places that it frees, so they count as free already. The processor must begin this
    INTEGRATE before the ring is full.

    Parameters
    ----------
    places : int
    """

    def __init__(self, places: int):
        self.places = places
        self._written = self._freed = 0
        self._ends: dict[int, int] = {}

    def fire(self, instruction: Fire, spikes: int, following: Instruction) -> int:
        """Write the spikes of a FIRE that is followed by another instruction; return how many of them find a place."""
        freed = self._freed
        if isinstance(following, Integrate) and following.release and following.source:
            if following.source == instruction.source:
                freed = self._written + spikes
            else:
                freed = max(freed, self._ends[following.source])
        kept = min(spikes, self.places - (self._written - freed))
        self._written += kept
        self._ends[instruction.source] = self._written
        return kept

    def integrate(self, instruction: Integrate) -> None:
        """Free what an INTEGRATE reads, and all that is older, if it has `release`."""
        if instruction.release and instruction.source:
            self._freed = max(self._freed, self._ends[instruction.source])

    def end(self) -> None:
        """Free everything."""
        self._freed = self._written


def loses_spikes(program: Sequence[Instruction], units: Sequence[np.ndarray], places: int) -> bool:
    """Return whether spikes are lost if every neuron spikes.

    Parameters
    ----------
    program : sequence of Instruction
    units : sequence of ndarray
        As `ProcessorContents.units`.
    places : int
        Of the spike memory.
    """
    memory, of_fires = SpikeMemory(places), iter(units)
    for at, instruction in enumerate(program):
        if isinstance(instruction, Integrate):
            memory.integrate(instruction)
        elif isinstance(instruction, Fire) and not instruction.output:
            spikes = _most_spikes(instruction, next(of_fires))
            if memory.fire(instruction, spikes, program[at + 1]) < spikes:
                return True
    return False


def _most_spikes(fire: Fire, units: np.ndarray) -> int:
    """Return how many spikes a FIRE gives if all its windows spike."""
    slots = units[..., 1][units[..., 0] >= 0]
    windows = -(-(fire.fired_rows - slots) // (1 << fire.slots_log2)) * fire.fired_columns
    return int(windows.sum())
