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
    """One memory: its width, its number of words, and where it lies."""

    bits: int
    depth: int
    place: Place


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

    def create(self) -> wiring.Component:
        """Return the component."""
        return self.component(**dict(self.arguments))


#: Descriptions, each with how many of its component there are.
Memories = Iterator[tuple[MemoryDescription, int]]


def times(count: int, memories: Memories) -> Memories:
    """Yield the memories of ``count`` components that are alike."""
    for description, number in memories:
        yield description, count * number
