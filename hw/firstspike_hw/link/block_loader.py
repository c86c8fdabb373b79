"""The block loader: from the blocks of a network to the engine's load words."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from firstspike_spec.protocol import BLOCK_HEAD
from firstspike_spec.words import LOAD_WORD, Memory

from ..layouts import word_layout
from .layouts import FRAME_BYTE


class BlockLoader(wiring.Component):
    """Writes the words of each block into the memory that its head names, from the address there on.

    Whatever the bytes are, a block is read to its end. It cannot know whether all blocks came: that is what the check is for.

    Members
    -------
    i : ``In(stream.Signature(FRAME_BYTE))``
        Blocks, as `firstspike_spec.protocol` has them: the head, then words of as many bytes as the head says.
    load : ``Out(stream.Signature(word_layout(LOAD_WORD)))``
    begin : ``In(1)``
        Start the check anew. Only between two blocks.
    check : ``Out(32)``
        CRC-32 of the bytes of all blocks since ``begin``.
    last_step : ``Out(8)``
        ``T - 1`` of the network that was loaded.
    done : ``Out(1)``
        For one cycle, after a block's last byte.
    wrong : ``Out(1)``
        With ``done``: the block did not end with its head or with a word, or its words would have no bytes or more than 4.

    Notes
    -----
    Throughput: a byte a cycle, but for one cycle more with each word.
    """

    def __init__(self, last_step: int = 0):
        self._last_step = last_step
        super().__init__(
            {
                "i": In(stream.Signature(FRAME_BYTE)),
                "load": Out(stream.Signature(word_layout(LOAD_WORD))),
                "begin": In(1),
                "check": Out(32),
                "last_step": Out(8, init=last_step),
                "done": Out(1),
                "wrong": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        taken = self.i.valid & self.i.ready
        m.d.comb += [
            crc.start.eq(self.begin),
            crc.data.eq(self.i.p.data),
            crc.valid.eq(taken),
            self.check.eq(crc.crc),
        ]
        head_bytes = sum(BLOCK_HEAD.values())
        head = Signal(8 * head_bytes)
        fields, low = {}, 0
        for name, count in BLOCK_HEAD.items():
            fields[name] = head[low : low + 8 * count]
            low += 8 * count
        head_left, place = Signal(range(head_bytes + 1), init=head_bytes), Signal(2)
        address, word = Signal.like(self.load.p.address), Signal(32)
        last, wrong = Signal(), Signal()
        m.d.comb += [
            self.load.p.data.eq(word),
            self.load.p.address.eq(address),
            self.load.p.memory.eq(fields["memory"]),
            self.load.p.lane.eq(fields["lane"]),
            self.load.p.layer.eq(fields["layer"]),
        ]
        with m.FSM():
            with m.State("Head"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(taken):
                    m.d.sync += [head.eq(Cat(head[8:], self.i.p.data)), head_left.eq(head_left - 1)]
                    with m.If(self.i.p.last):
                        m.d.sync += wrong.eq(head_left != 1)
                        m.next = "Done"
                    with m.Elif(head_left == 1):
                        m.next = "Headed"
            with m.State("Headed"):
                m.d.sync += address.eq(fields["address"])
                m.next = "Word"
                with m.If((fields["word_bytes"] == 0) | (fields["word_bytes"] > 4)):
                    m.d.sync += wrong.eq(1)
                    m.next = "Skip"
            with m.State("Word"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(taken):
                    with m.If(place == 0):
                        m.d.sync += word.eq(self.i.p.data)
                    with m.Else():
                        m.d.sync += word.word_select(place, 8).eq(self.i.p.data)
                    m.d.sync += [place.eq(place + 1), last.eq(self.i.p.last)]
                    with m.If(place == fields["word_bytes"] - 1):
                        m.d.sync += place.eq(0)
                        m.next = "Load"
                    with m.Elif(self.i.p.last):
                        m.d.sync += wrong.eq(1)
                        m.next = "Done"
            with m.State("Load"):
                m.d.comb += self.load.valid.eq(1)
                with m.If(self.load.ready):
                    m.d.sync += address.eq(address + 1)
                    with m.If(fields["memory"] == Memory.TIME_STEPS):
                        m.d.sync += self.last_step.eq(word - 1)
                    m.next = "Word"
                    with m.If(last):
                        m.next = "Done"
            with m.State("Skip"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(taken & self.i.p.last):
                    m.next = "Done"
            with m.State("Done"):
                m.d.comb += [self.done.eq(1), self.wrong.eq(wrong)]
                m.d.sync += [wrong.eq(0), place.eq(0), head_left.eq(head_bytes)]
                m.next = "Head"
        return m
