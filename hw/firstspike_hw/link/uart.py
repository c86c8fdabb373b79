"""Asynchronous serial bytes: one start bit, eight data bits, low bit first, one stop bit."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out


class UartReceiver(wiring.Component):
    """Receives bytes from a line.

    Each bit is sampled in its middle, counted from the edge of the start bit, so the sender's clock may be off by a few per
    cent. A byte without a stop bit is dropped; its frame is then damaged, and fails its check.

    Parameters
    ----------
    divisor : int
        Clock cycles per bit, at least 4.

    Members
    -------
    rx : ``In(1)``
        The line, which need not be synchronous; 1 when idle.
    o : ``Out(stream.Signature(8, always_ready=True))``
        Bytes as they come; a byte that is not taken at once is lost.
    """

    def __init__(self, divisor: int):
        self._divisor = divisor
        super().__init__({"rx": In(1, init=1), "o": Out(stream.Signature(8, always_ready=True))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        wait = Signal(range(self._divisor))
        bits_left = Signal(4)  # of start, data and stop bits
        shift = Signal(9)
        stuck = Signal()  # there was no stop bit: no start bit before the line has been 1
        sample = (bits_left != 0) & (wait == 0)
        with m.If(bits_left == 0):
            m.d.sync += wait.eq(self._divisor // 2 - 1)
            with m.If(line):
                m.d.sync += stuck.eq(0)
            with m.Elif(~stuck):
                m.d.sync += bits_left.eq(10)
        with m.Else():
            m.d.sync += wait.eq(wait - 1)
        with m.If(sample):
            m.d.sync += [wait.eq(self._divisor - 1), bits_left.eq(bits_left - 1), shift.eq(Cat(shift[1:], line))]
            with m.If((bits_left == 10) & line):
                m.d.sync += bits_left.eq(0)  # a glitch, not a start bit
            with m.If((bits_left == 1) & ~line):
                m.d.sync += stuck.eq(1)
        m.d.comb += [self.o.payload.eq(shift[1:]), self.o.valid.eq(sample & (bits_left == 1) & line)]
        return m


class UartTransmitter(wiring.Component):
    """Sends bytes on a line.

    Parameters
    ----------
    divisor : int
        Clock cycles per bit, at least 1.

    Members
    -------
    i : ``In(stream.Signature(8))``
    tx : ``Out(1)``
        The line; 1 when idle.

    Notes
    -----
    Throughput: a byte in the time of ten bits, without pauses.
    """

    def __init__(self, divisor: int):
        self._divisor = divisor
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wait = Signal(range(max(2, self._divisor)))
        bits_left = Signal(4)
        shift = Signal(10, init=-1)
        bit_ends = wait == 0
        m.d.comb += [self.tx.eq(shift[0]), self.i.ready.eq((bits_left == 0) | ((bits_left == 1) & bit_ends))]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                shift.eq(Cat(Const(0, 1), self.i.payload, Const(1, 1))),
                bits_left.eq(10),
                wait.eq(self._divisor - 1),
            ]
        with m.Elif(bits_left != 0):
            m.d.sync += wait.eq(wait - 1)
            with m.If(bit_ends):
                m.d.sync += [shift.eq(Cat(shift[1:], Const(1, 1))), bits_left.eq(bits_left - 1), wait.eq(self._divisor - 1)]
        return m
