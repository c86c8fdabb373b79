"""The bus that loads memories and reads them back."""

from amaranth.hdl import Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import LOAD_WORD

from ..lib.layouts import word_layout
from ..lib.trees import any_of

#: Width of the widest word that can be loaded.
WORD_BITS = next(field.bits for field in LOAD_WORD.fields if field.name == "data")


class LoadBus(wiring.Signature):
    """From what loads memories to a part of the engine that has some.

    Parameters
    ----------
    bits : int
        Width of the words that can be read back.

    Members
    -------
    word : ``Out(word_layout(LOAD_WORD))``
        A word to write, or the place of a word to read; its ``data`` means nothing then.
    write, peek : ``Out(1)``
        Write the word; read it. Never both in one cycle.
    peeked : ``In(bits)``
        The word that was read, some cycles after ``peek``: each part says how many. 0 in all other cycles, and for words of
        a kind that the part does not have.
    """

    def __init__(self, bits: int = WORD_BITS):
        super().__init__(
            {"word": Out(word_layout(LOAD_WORD)), "write": Out(1), "peek": Out(1), "peeked": In(bits)},
        )


class LoadChain(wiring.Signature):
    """From one stage of a chain to the next: as a `LoadBus`, but what was read travels in the same direction.

    Members
    -------
    word : ``Out(word_layout(LOAD_WORD))``
    write, peek : ``Out(1)``
    peeked : ``Out(WORD_BITS)``
        What the stages up to here have read.
    """

    def __init__(self) -> None:
        super().__init__({"word": Out(word_layout(LOAD_WORD)), "write": Out(1), "peek": Out(1), "peeked": Out(WORD_BITS)})


class LoadStage(wiring.Component):
    """A stage of a chain: it gives words to parts that each have a number, and passes them on.

    Parameters
    ----------
    first, count : int
        The parts' numbers are ``first``, ``first + 1`` and so on. A part's words have its number as ``lane``.

    Members
    -------
    i : ``In(LoadChain())``
    o : ``Out(LoadChain())``
        For the next stage, or unused but for ``peeked``.
    parts : ``Out(LoadBus()).array(count)``

    Notes
    -----
    Latency: 1 cycle to the parts and to the next stage, and 1 cycle from the parts' ``peeked`` to that of ``o``.
    """

    #: Cycles to a part and back.
    latency = 2

    def __init__(self, *, first: int, count: int):
        self._first = first
        super().__init__({"i": In(LoadChain()), "o": Out(LoadChain()), "parts": Out(LoadBus()).array(count)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.sync += [
            self.o.word.eq(self.i.word),
            self.o.write.eq(self.i.write),
            self.o.peek.eq(self.i.peek),
            self.o.peeked.eq(any_of([*(part.peeked for part in self.parts), self.i.peeked])),
        ]
        for number, part in enumerate(self.parts, self._first):
            mine = self.i.word.lane == number
            m.d.comb += part.word.eq(self.o.word)
            m.d.sync += [part.write.eq(self.i.write & mine), part.peek.eq(self.i.peek & mine)]
        return m


def pass_on(m: Module, bus: wiring.PureInterface, part: wiring.PureInterface, *, when: Value | int = 1) -> None:
    """Give a part the words of a bus for which ``when`` holds. What the part returns is left to the caller.

    Parameters
    ----------
    m : Module
    bus, part : interfaces of `LoadBus`
        The one that brings the words, and the part's.
    when : Value or int
    """
    m.d.comb += [part.word.eq(bus.word), part.write.eq(bus.write & when), part.peek.eq(bus.peek & when)]
