"""The format of a network's inputs: how many there are, and in maps of which size."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import Memory
from firstspike_spec.processor.contents import FORMAT_BITS, FORMAT_WORDS

from ...lib.delays import delayed
from ...memory.load_bus import LoadBus
from ...memory.loadable_memory import LoadableMemory

#: `firstspike_spec.processor.contents.FORMAT_WORDS`.
INPUT_FORMAT = data.StructLayout(dict.fromkeys(FORMAT_WORDS, FORMAT_BITS))


class InputFormat(wiring.Component):
    """Holds the format of the inputs. The processor itself does not need it: it is for what makes spikes of numbers of inputs.

    Members
    -------
    load : ``In(LoadBus(FORMAT_BITS))``
        Words of `Memory.ENTRIES`, by address. ``peeked`` comes `peek_latency` cycles after ``peek``.
    o : ``Out(INPUT_FORMAT)``
        A reset leaves it as it is.
    """

    #: Cycles from ``peek`` to ``peeked``: those of the memories that are loaded by the same words.
    peek_latency = LoadableMemory.peek_latency

    def __init__(self) -> None:
        super().__init__({"load": In(LoadBus(FORMAT_BITS)), "o": Out(INPUT_FORMAT)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        load = self.load
        words = [Signal(FORMAT_BITS, name=name, reset_less=True) for name in FORMAT_WORDS]
        mine, address = Signal(), load.word.address
        m.d.comb += [
            mine.eq((load.word.memory == Memory.ENTRIES) & (address < len(words))),
            *(self.o[name].eq(word) for name, word in zip(FORMAT_WORDS, words, strict=True)),
        ]
        for number, word in enumerate(words):
            with m.If(load.write & mine & (address == number)):
                m.d.sync += word.eq(load.word.data)
        found = Signal(FORMAT_BITS)
        m.d.sync += found.eq(Mux(load.peek & mine, Array(words)[address[: len(words).bit_length()]], 0))
        m.d.comb += load.peeked.eq(delayed(m, found, self.peek_latency - 1))
        return m
