"""The memory access: writes blocks of words into the engine's memories, and reads ranges of words back to check them."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import LOAD_WORD, Memory
from firstspike_spec.protocol.messages import BLOCK_HEAD, COUNT_BYTES

from ..lib.layouts import FRAME_BYTE, word_layout


class MemoryAccess(wiring.Component):
    """Carries out `Kind.LOAD_BLOCK` and `Kind.CHECK`; `firstspike_spec.protocol.messages` describes their bodies.

    Whatever the bytes are, a body is read to its end. The check over all blocks shows whether all of them have come.

    Parameters
    ----------
    last_step : int
        ``T - 1`` of the network at power-up.

    Members
    -------
    i : ``In(stream.Signature(FRAME_BYTE))``
        Bodies.
    reads : ``In(1)``
        The body is that of a check, not a block. It must change only between two bodies.
    begin : ``In(1)``
        Restart the check over blocks; only between two bodies.
    load : ``Out(stream.Signature(word_layout(LOAD_WORD)))``
        ``T`` is never 1, which the engine does not support.
    peek : ``Out(1)``
        The word on offer must be read, not written.
    peeked : ``In(stream.Signature(32, always_ready=True))``
        Each word that has been read.
    check : ``Out(32)``
        CRC-32 of the bytes of all blocks since ``begin``, or, after a range has been read, of its words.
    last_step : ``Out(8)``
        ``T - 1`` of the loaded network.
    done : ``Out(1)``
        High for one cycle when a body has been carried out.
    wrong : ``Out(1)``
        With ``done``: the body had a wrong length, its words had no bytes or more than 4, or its range had more words than
        there are addresses.

    Notes
    -----
    Throughput: one byte of a block a cycle, and one more cycle for each word. A word that is read takes a cycle for each of
    its bytes, and 2 more cycles than the `Engine` needs to read it.
    """

    def __init__(self, last_step: int = 0):
        self._last_step = last_step
        super().__init__(
            {
                "i": In(stream.Signature(FRAME_BYTE)),
                "reads": In(1),
                "begin": In(1),
                "load": Out(stream.Signature(word_layout(LOAD_WORD))),
                "peek": Out(1),
                "peeked": In(stream.Signature(32, always_ready=True)),
                "check": Out(32),
                "last_step": Out(8, init=last_step),
                "done": Out(1),
                "wrong": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        head_bytes = sum(BLOCK_HEAD.values())
        fields = {name: Signal(8 * count, name=name) for name, count in BLOCK_HEAD.items()}
        head = Cat(*fields.values())
        head_at = Signal(range(head_bytes))
        place = Signal(2)  # of a byte in its word, or in the number of words
        address, word, left = Signal.like(self.load.p.address), Signal(32), Signal(8 * COUNT_BYTES)
        last, wrong = Signal(), Signal()

        taken = self.i.valid & self.i.ready
        word_ends = place == fields["word_bytes"] - 1
        loaded, single = Signal(32), Signal()
        is_time_steps = fields["memory"][: len(self.load.p.memory)] == Memory.TIME_STEPS
        digests = Signal()  # a byte of a word that has been read enters the check
        m.d.comb += [
            crc.start.eq(self.begin),
            crc.data.eq(Mux(digests, word[:8], self.i.p.data)),
            crc.valid.eq(digests | (taken & ~self.reads)),
            self.check.eq(crc.crc),
            # The engine does not support a single step: a `T` of 1 becomes 2.
            single.eq(is_time_steps & (word[:8] == 1)),
            loaded.eq(Cat(word[0] & ~single, word[1] | single, word[2:])),
            self.load.p.data.eq(loaded),
            self.load.p.address.eq(address),
            self.load.p.memory.eq(fields["memory"]),
            self.load.p.lane.eq(fields["lane"]),
            self.load.p.layer.eq(fields["layer"]),
        ]
        with m.FSM():
            with m.State("Head"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(taken):
                    m.d.sync += [head.word_select(head_at, 8).eq(self.i.p.data), head_at.eq(head_at + 1)]
                    with m.If(self.i.p.last):
                        m.d.sync += wrong.eq((head_at != head_bytes - 1) | self.reads)
                        m.next = "Done"
                    with m.Elif(head_at == head_bytes - 1):
                        m.next = "After head"
            with m.State("After head"):
                m.d.sync += address.eq(fields["address"])
                with m.If((fields["word_bytes"] == 0) | (fields["word_bytes"] > 4)):
                    m.d.sync += wrong.eq(1)
                    m.next = "Skip"
                with m.Elif(self.reads):
                    m.d.comb += crc.start.eq(1)
                    m.next = "Count"
                with m.Else():
                    m.next = "Word"

            # A block: its words are written.
            with m.State("Word"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(taken):
                    with m.If(place == 0):
                        m.d.sync += word.eq(self.i.p.data)
                    with m.Else():
                        m.d.sync += word.word_select(place, 8).eq(self.i.p.data)
                    m.d.sync += [place.eq(place + 1), last.eq(self.i.p.last)]
                    with m.If(word_ends):
                        m.d.sync += place.eq(0)
                        m.next = "Load"
                    with m.Elif(self.i.p.last):
                        m.d.sync += wrong.eq(1)
                        m.next = "Done"
            with m.State("Load"):
                m.d.comb += self.load.valid.eq(1)
                with m.If(self.load.ready):
                    m.d.sync += address.eq(address + 1)
                    with m.If(is_time_steps):
                        m.d.sync += self.last_step.eq(loaded - 1)
                    m.next = "Word"
                    with m.If(last):
                        m.next = "Done"

            # A range: its words are read, and their bytes enter the check.
            with m.State("Count"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(taken):
                    m.d.sync += [left.eq(Cat(left[8:], self.i.p.data)), place.eq(place + 1)]
                    with m.If(place == COUNT_BYTES - 1):
                        m.d.sync += place.eq(0)
                        with m.If(self.i.p.last):
                            m.next = "Next"
                        with m.Else():
                            m.d.sync += wrong.eq(1)
                            m.next = "Skip"
                    with m.Elif(self.i.p.last):
                        m.d.sync += wrong.eq(1)
                        m.next = "Done"
            with m.State("Next"):
                m.next = "Peek"
                with m.If(left == 0):
                    m.next = "Done"
                with m.Elif(left > (1 << len(address))):
                    m.d.sync += wrong.eq(1)
                    m.next = "Done"
            with m.State("Peek"):
                m.d.comb += [self.load.valid.eq(1), self.peek.eq(1)]
                with m.If(self.load.ready):
                    m.d.sync += [address.eq(address + 1), left.eq(left - 1)]
                    m.next = "Peeked"
            with m.State("Peeked"), m.If(self.peeked.valid):
                m.d.sync += word.eq(self.peeked.payload)
                m.next = "Digest"
            with m.State("Digest"):
                m.d.comb += digests.eq(1)
                m.d.sync += [word.eq(word >> 8), place.eq(place + 1)]
                with m.If(word_ends):
                    m.d.sync += place.eq(0)
                    m.next = "Next"

            with m.State("Skip"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(taken & self.i.p.last):
                    m.next = "Done"
            with m.State("Done"):
                m.d.comb += [self.done.eq(1), self.wrong.eq(wrong)]
                m.d.sync += [wrong.eq(0), place.eq(0), head_at.eq(0)]
                m.next = "Head"
        return m
