"""The frame sender: from contents to the bytes of a link."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from firstspike_spec.protocol.frames import CHECK_BYTES, DELIMITER, LONGEST_GROUP

from ..lib.layouts import FRAME_BYTE


class FrameSender(wiring.Component):
    """Sends contents as frames: with a check, stuffed, and with a delimiter (`firstspike_spec.protocol.frames`).

    Members
    -------
    i : ``In(stream.Signature(FRAME_BYTE))``
        Contents, one after another.
    o : ``Out(stream.Signature(8))``

    Notes
    -----
    Bytes are collected up to the next zero before they are sent, so a byte takes about two cycles. A link is far slower.
    """

    def __init__(self) -> None:
        super().__init__({"i": In(stream.Signature(FRAME_BYTE)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        m.submodules.group = group = memory.Memory(shape=8, depth=256, init=[])
        write, read = group.write_port(), group.read_port()

        count, sent = Signal(8), Signal(8)  # bytes in the group, and how many of them have been sent
        check, check_left = Signal(8 * CHECK_BYTES), Signal(range(CHECK_BYTES + 1))
        checking = Signal()  # the content has ended: its check is collected
        byte, byte_valid = Signal(8), Signal()
        last_group = Signal()  # the group that is being sent is the frame's last
        ended_by_zero = Signal()

        m.d.comb += [
            crc.data.eq(self.i.p.data),
            crc.valid.eq(self.i.valid & self.i.ready),
            write.addr.eq(count),
            write.data.eq(byte),
            read.addr.eq(sent),
        ]
        with m.FSM():
            with m.State("Collect"):
                with m.If(checking):
                    m.d.comb += [byte.eq(check[:8]), byte_valid.eq(1)]
                    m.d.sync += [check.eq(check >> 8), check_left.eq(check_left - 1)]
                with m.Else():
                    m.d.comb += [byte.eq(self.i.p.data), byte_valid.eq(self.i.valid), self.i.ready.eq(1)]
                    with m.If(self.i.valid & self.i.p.last):
                        m.next = "Check"
                with m.If(byte_valid):
                    m.d.comb += write.en.eq(byte != 0)
                    m.d.sync += count.eq(count + (byte != 0))
                    # The last byte of the check ends the last group. If it is a zero, an empty group follows.
                    last = checking & (check_left == 1)
                    m.d.sync += [ended_by_zero.eq(byte == 0), last_group.eq(last & (byte != 0))]
                    with m.If((byte == 0) | last | (count == LONGEST_GROUP - 1)):
                        m.next = "Code"
                        with m.If(~checking & self.i.p.last):
                            m.next = "Check, then code"
            with m.State("Check"):
                m.d.sync += [check.eq(crc.crc), checking.eq(1), check_left.eq(CHECK_BYTES)]
                m.next = "Collect"
            with m.State("Check, then code"):
                m.d.sync += [check.eq(crc.crc), checking.eq(1), check_left.eq(CHECK_BYTES)]
                m.next = "Code"
            with m.State("Code"):
                m.d.comb += [self.o.payload.eq(count + 1), self.o.valid.eq(1)]
                with m.If(self.o.ready):
                    m.next = "Bytes"
            with m.State("Bytes"):
                with m.If(sent == count):
                    m.d.sync += [sent.eq(0), count.eq(0)]
                    with m.If(last_group):
                        m.next = "End"
                    with m.Elif(checking & (check_left == 0)):
                        # All bytes have been collected, and a zero was the last: an empty group follows.
                        m.d.sync += last_group.eq(1)
                        m.next = "Code"
                    with m.Else():
                        m.next = "Collect"
                with m.Else():
                    m.d.comb += read.en.eq(1)
                    m.next = "Byte"
            with m.State("Byte"):
                m.d.comb += [self.o.payload.eq(read.data), self.o.valid.eq(1), read.en.eq(0)]
                with m.If(self.o.ready):
                    m.d.sync += sent.eq(sent + 1)
                    m.next = "Bytes"
            with m.State("End"):
                m.d.comb += [self.o.payload.eq(DELIMITER), self.o.valid.eq(1), crc.start.eq(1)]
                with m.If(self.o.ready):
                    m.d.sync += [checking.eq(0), last_group.eq(0)]
                    m.next = "Collect"
        return m
