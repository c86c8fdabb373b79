"""The design on a serial port: everything on a board's FPGA except its clock and its pins."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.protocol.messages import Identity
from firstspike_spec.protocol.shapes import Shape

from ..memory.style import GENERIC_MEMORY, MemoryStyle
from .linked_engine import LinkedEngine
from .uart import UartReceiver, UartTransmitter

#: A board's lights: a network is loaded, the engine runs, bytes arrive, a frame was damaged.
LIGHTS = data.StructLayout({"loaded": 1, "busy": 1, "receiving": 1, "damaged": 1})

#: A light stays on for one to two of these fractions of a second, so that it can be seen.
_VISIBLE = 20


class SerialTop(wiring.Component):
    """A `LinkedEngine` on a serial line.

    Parameters
    ----------
    shape : EngineShape or ProcessorShape
    contents : EngineContents, optional
        The memories' contents at power-up; by default no network.
    clock_hz, baud : int
        The clock's frequency, and the line's bits a second, of 4 clock cycles or more each.
    board : str
        Name of the board.
    buffer_bits : int
        The buffer for requests has ``2 ** buffer_bits`` bytes.
    memory_style : MemoryStyle
        What the FPGA's memories are made of.

    Members
    -------
    rx : ``In(1)``
        The line from the host, which need not be synchronous.
    tx : ``Out(1)``
        The line to the host.
    lights : ``Out(LIGHTS)``
    busy : ``Out(1)``
        That of the `LinkedEngine`.
    """

    def __init__(
        self,
        shape: Shape,
        contents: EngineContents | None = None,
        *,
        clock_hz: int,
        baud: int,
        board: str,
        buffer_bits: int,
        memory_style: MemoryStyle = GENERIC_MEMORY,
    ):
        self._contents, self._memory_style = contents, memory_style
        self._identity = Identity(
            shape,
            board=board,
            clock_hz=clock_hz,
            baud=baud,
            buffer_bytes=1 << buffer_bits,
            digest=contents.digest if contents else "",
        )
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "lights": Out(LIGHTS), "busy": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        divisor = round(self._identity.clock_hz / self._identity.baud)
        m.submodules.receiver = receiver = UartReceiver(divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(divisor)
        m.submodules.engine = engine = LinkedEngine(self._identity, self._contents, memory_style=self._memory_style)
        wiring.connect(m, receiver.o, engine.i)
        wiring.connect(m, engine.o, transmitter.i)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            self.lights.loaded.eq(engine.loaded),
            self.busy.eq(engine.busy),
        ]

        period = self._identity.clock_hz // _VISIBLE
        passed, tick = Signal(range(period)), Signal()
        m.d.comb += tick.eq(passed == period - 1)
        m.d.sync += passed.eq(Mux(tick, 0, passed + 1))
        for name, event in (("busy", engine.busy), ("receiving", receiver.o.valid), ("damaged", engine.lost)):
            ticks_left = Signal(2, name=f"{name}_ticks_left")
            with m.If(event):
                m.d.sync += ticks_left.eq(2)
            with m.Elif(tick & (ticks_left != 0)):
                m.d.sync += ticks_left.eq(ticks_left - 1)
            m.d.comb += self.lights[name].eq(ticks_left != 0)
        return m
