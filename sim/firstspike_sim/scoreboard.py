"""The comparison of what a design does with the golden model."""

import os
from collections import Counter
from pathlib import Path

from .stimulus.handover import COMPARED_FILE, REACHED_FILE

_MAX_NAMED = 20

#: What names the place of a comparison, in the order of the report.
_PLACES = ("network", "image", "layer", "lane", "memory", "address", "neuron", "step", "cycle")


class Scoreboard:
    """Counts what was compared and names what differs. A test makes one, and calls `finish` last.

    The runner fails a test that has no finished scoreboard.
    """

    def __init__(self):
        self.compared_values = 0
        self._mismatches = 0
        self._named: list[str] = []
        self._begun: dict[str, int] = {}
        self._reached: Counter[str] = Counter()

    def begin(self, **where: int) -> None:
        """Name the place of all that is compared from now on, such as the network."""
        self._begun = where

    def compare(self, what: str, expected: int, got: int, **where: int | None) -> None:
        """Compare two numbers.

        Parameters
        ----------
        what : str
        expected, got : int
        **where : int or None
            Network, image, layer, lane, memory, address, neuron, step, cycle, as far as they apply.
        """
        self.compared_values += 1
        if expected == got:
            return
        self._mismatches += 1
        if len(self._named) < _MAX_NAMED:
            where = {**self._begun, **where}
            place = ", ".join(f"{name} {where[name]}" for name in _PLACES if where.get(name) is not None)
            self._named.append(f"{what}: {place or 'whole run'}: expected {expected}, got {got}")

    def reach(self, point: str, times: int = 1) -> None:
        """Count how many times a situation of `firstspike_sim.points.POINTS` came about."""
        self._reached[point] += int(times)

    def finish(self) -> None:
        """Report; raise `AssertionError` if anything differed or nothing was compared."""
        print(f"compared {self.compared_values} values")
        with Path(os.environ[COMPARED_FILE]).open("a", encoding="utf-8") as file:
            file.write(f"{self.compared_values}\n")
        with Path(os.environ[REACHED_FILE]).open("a", encoding="utf-8") as file:
            file.writelines(f"{times} {point}\n" for point, times in self._reached.items())
        if not self.compared_values:
            raise AssertionError("nothing was compared")
        if self._mismatches:
            named = "\n  ".join(self._named)
            raise AssertionError(f"{self._mismatches} of {self.compared_values} values differ:\n  {named}")
