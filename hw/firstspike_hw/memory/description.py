"""Descriptions of memories: what a component makes, without making it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from amaranth.lib import wiring


class Place(Enum):
    """What a memory is made of."""

    LUTS = "LUTs"
    BLOCKS = "block RAM"
    #: Synthesis chooses by its size.
    EITHER = "either"


@dataclass(frozen=True)
class Ram:
    """One memory.

    Parameters
    ----------
    bits, depth : int
        Width of a word, and number of words.
    place : Place
        Where it lies; for estimates.
    blocks : int, optional
        The block RAMs that it takes, if a rule says exactly how many; by default only synthesis knows.
    """

    bits: int
    depth: int
    place: Place
    blocks: int | None = None


@dataclass(frozen=True)
class MemoryDescription:
    """The memories of one component.

    Parameters
    ----------
    component : callable
        The component's class.
    arguments : tuple of (str, object)
        The arguments that make the component, with nothing in its memories at power-up.
    rams : tuple of Ram
        Its memories.
    """

    component: Callable[..., wiring.Component]
    arguments: tuple[tuple[str, object], ...]
    rams: tuple[Ram, ...]

    @classmethod
    def of(cls, component: Callable[..., wiring.Component], *rams: Ram, **arguments: object) -> "MemoryDescription":
        """Return the description of a component with given arguments."""
        return cls(component, tuple(arguments.items()), rams)

    @property
    def blocks(self) -> int | None:
        """The block RAMs that all its memories take, if rules say exactly how many."""
        known = [ram.blocks for ram in self.rams if ram.blocks is not None]
        return sum(known) if len(known) == len(self.rams) else None

    def create(self) -> wiring.Component:
        """Return the component."""
        return self.component(**dict(self.arguments))


#: Descriptions, each with how many of its component there are.
Memories = Iterator[tuple[MemoryDescription, int]]


def times(count: int, memories: Memories) -> Memories:
    """Yield the memories of ``count`` components that are alike."""
    for description, number in memories:
        yield description, count * number
