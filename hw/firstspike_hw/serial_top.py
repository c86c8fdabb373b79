"""The whole design behind a serial port: what a board holds, whatever its pins and its clock."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.compiler import EngineImage
from firstspike_spec.engine import EngineShape

from .engine import Engine
from .link.frame_receiver import FrameReceiver
from .link.frame_sender import FrameSender
from .link.result_sender import ResultSender
from .link.spike_decoder import SpikeDecoder
from .link.uart import UartReceiver, UartTransmitter

LIGHTS = data.StructLayout({"loaded": 1, "busy": 1, "receiving": 1, "damaged": 1})


class SerialTop(wiring.Component):
    """STUB, to be replaced."""

    def __init__(
        self,
        shape: EngineShape,
        image: EngineImage | None = None,
        *,
        clock_hz: int,
        baud: int,
        board: str = "",
        buffer_bits: int = 11,
    ):
        self._shape, self._image = shape, image
        self._divisor, self._buffer_bits = round(clock_hz / baud), buffer_bits
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "lights": Out(LIGHTS)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.rx = rx = UartReceiver(self._divisor)
        m.submodules.tx = tx = UartTransmitter(self._divisor)
        m.submodules.frames = frames = FrameReceiver(self._buffer_bits)
        m.submodules.sender = sender = FrameSender()
        m.submodules.decoder = decoder = SpikeDecoder(self._shape.layers[0])
        m.submodules.engine = engine = Engine(self._shape, self._image)
        m.submodules.results = results = ResultSender()
        wiring.connect(m, rx.o, frames.i)
        wiring.connect(m, frames.o, decoder.i)
        wiring.connect(m, decoder.o, engine.i)
        wiring.connect(m, engine.o, results.words)
        wiring.connect(m, results.o, sender.i)
        wiring.connect(m, sender.o, tx.i)
        m.d.comb += [
            rx.rx.eq(self.rx),
            self.tx.eq(tx.tx),
            decoder.last_step.eq(3),
            results.numbers.valid.eq(1),
            results.statuses.valid.eq(1),
            self.lights.busy.eq(engine.busy),
        ]
        return m
