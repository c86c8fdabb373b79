"""The frame receiver: from the bytes of a link to complete frames."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from firstspike_spec.protocol.frames import CHECK_BYTES, DELIMITER, LONGEST_GROUP
from firstspike_spec.protocol.messages import HEAD_BYTES

from ..lib.layouts import FRAME_BYTE


class FrameReceiver(wiring.Component):
    """Removes the stuffing of frames (`firstspike_spec.protocol.frames`), checks them, and passes on the intact ones.

    A frame waits in the buffer until its check has been found right. A frame that is damaged, too short for a message's head,
    or too long for the room left is dropped up to the next delimiter; ``damaged`` or ``overflow`` reports it.

    Parameters
    ----------
    depth_bits : int
        The buffer holds ``2 ** depth_bits`` bytes of contents, which is also the longest frame. At least 3.

    Members
    -------
    i : ``In(stream.Signature(8, always_ready=True))``
        The link's bytes.
    o : ``Out(stream.Signature(FRAME_BYTE))``
        The frames' contents, without their checks.
    damaged : ``Out(1)``
        High for one cycle when a frame was damaged.
    overflow : ``Out(1)``
        High for one cycle when there was no room for a frame.

    Notes
    -----
    Throughput: a byte a cycle, in and out.
    """

    def __init__(self, depth_bits: int):
        self._depth = 1 << depth_bits
        super().__init__(
            {
                "i": In(stream.Signature(8, always_ready=True)),
                "o": Out(stream.Signature(FRAME_BYTE)),
                "damaged": Out(1),
                "overflow": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        m.submodules.buffer = buffer = memory.Memory(shape=9, depth=self._depth, init=[])
        write, read = buffer.write_port(), buffer.read_port()
        pointer = range(2 * self._depth)  # one bit more than an address, to distinguish full from empty
        write_at, committed, read_at = Signal(pointer), Signal(pointer), Signal(pointer)

        # Stuffing: a code byte gives the number of bytes before the next zero, which is not sent.
        delimiter = self.i.valid & (self.i.payload == DELIMITER)
        group_left, zero_due, first = Signal(8), Signal(), Signal(init=1)
        code = self.i.valid & ~delimiter & (group_left == 0)
        byte_valid, byte = Signal(), Signal(8)
        m.d.comb += [
            byte_valid.eq(self.i.valid & ~delimiter & (~code | (zero_due & ~first))),
            byte.eq(Mux(code, 0, self.i.payload)),
        ]
        with m.If(delimiter):
            m.d.sync += [group_left.eq(0), zero_due.eq(0), first.eq(1)]
        with m.Elif(code):
            m.d.sync += [group_left.eq(self.i.payload - 1), zero_due.eq(self.i.payload != LONGEST_GROUP + 1), first.eq(0)]
        with m.Elif(self.i.valid):
            m.d.sync += group_left.eq(group_left - 1)

        # The last five bytes are held back: the content's last byte, and the four of the check.
        held = [Signal(8, name=f"held_{place}") for place in range(CHECK_BYTES + 1)]
        count = Signal(range(CHECK_BYTES + HEAD_BYTES + 1))  # bytes of the frame; it stops at the shortest length of a message
        enough = count == CHECK_BYTES + HEAD_BYTES
        holding = count > CHECK_BYTES
        full, no_room = Signal(), Signal()
        m.d.comb += [
            crc.data.eq(byte),
            crc.valid.eq(byte_valid),
            crc.start.eq(delimiter),
            full.eq((write_at ^ read_at) == self._depth),
            write.addr.eq(write_at[:-1]),
            write.data.eq(Cat(held[-1], delimiter)),
        ]
        with m.If(byte_valid):
            m.d.sync += [new.eq(old) for new, old in zip(held, [byte, *held], strict=False)]
            with m.If(~enough):
                m.d.sync += count.eq(count + 1)
            with m.If(holding):
                m.d.comb += write.en.eq(~full & ~no_room)
                m.d.sync += no_room.eq(no_room | full)
        whole = enough & crc.match_detected & (group_left == 0)
        with m.If(delimiter):
            m.d.sync += [count.eq(0), no_room.eq(0)]
            with m.If(first):
                pass  # there is no frame between two adjacent delimiters
            with m.Elif(~whole):
                m.d.comb += self.damaged.eq(1)
            with m.Elif(full | no_room):
                m.d.comb += self.overflow.eq(1)
            with m.Else():
                m.d.comb += write.en.eq(1)
        with m.If(write.en):
            m.d.sync += write_at.eq(write_at + 1)
        with m.If(delimiter):
            with m.If(write.en):
                m.d.sync += committed.eq(write_at + 1)
            with m.Else():
                m.d.sync += write_at.eq(committed)

        # The output: the memory's own register, then another one, since the output of a block RAM is slow.
        read_valid = Signal()
        fits = ~self.o.valid | self.o.ready
        m.d.comb += [read.addr.eq(read_at[:-1]), read.en.eq((~read_valid | fits) & (read_at != committed))]
        with m.If(read.en):
            m.d.sync += [read_at.eq(read_at + 1), read_valid.eq(1)]
        with m.Elif(fits):
            m.d.sync += read_valid.eq(0)
        with m.If(fits):
            m.d.sync += [self.o.valid.eq(read_valid), self.o.payload.eq(read.data)]
        return m
