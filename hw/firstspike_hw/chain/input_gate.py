"""The input gate: the engine's entrance."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.engine_shape import EngineShape

from ..lib.layouts import input_layout, token_layout
from ..memory.load_bus import LoadBus

#: Width of an inference's number. At most three are under way, in most networks one a layer.
INFERENCE_BITS = 2

#: Width of the cycle counter that times inferences. An inference uses each entry at most once, so none takes longer.
TIME_BITS = 24


class InputGate(wiring.Component):
    """Counts the steps of each inference, and drops the spikes that come after its decision.

    An inference ends early when none of its further spikes are sent: its steps then end within a few cycles each, in order,
    and nothing has to be flushed. A token that has neither a spike nor an end left is dropped.

    Parameters
    ----------
    shape : EngineShape
    time_steps : int
        ``T`` at power-up.

    Members
    -------
    i : ``In(stream.Signature(input_layout(shape)))``
    o : ``Out(stream.Signature(token_layout(shape.source_bits, shape.spikes_per_token)))``
    started : ``Out(INFERENCE_BITS)``
        Number of the inference that begins next.
    finished : ``In(INFERENCE_BITS)``
        Inferences that the read-out has finished, which is the number of the one that it is at. A new one begins only if
        ``started`` stays different from it.
    decided : ``In(1)``
        The inference that the read-out is at needs no more spikes.
    now : ``In(TIME_BITS)``
    start_time : ``Out(TIME_BITS)``
        The value of ``now`` when the inference that the read-out is at took its first token.
    hold : ``In(1)``
        Begin no new inference.
    load : ``In(LoadBus())``
        `Memory.TIME_STEPS`. It cannot be read back.

    Notes
    -----
    Latency: none, a token goes in and out in one cycle. Throughput: one token a cycle. The spikes of the cycle in which an
    inference is decided, and of the next one, are not dropped yet.
    """

    def __init__(self, shape: EngineShape, *, time_steps: int):
        self._shape, self._time_steps = shape, time_steps
        super().__init__(
            {
                "i": In(stream.Signature(input_layout(shape))),
                "o": Out(stream.Signature(token_layout(shape.source_bits, shape.spikes_per_token))),
                "started": Out(INFERENCE_BITS),
                "finished": In(INFERENCE_BITS),
                "decided": In(1),
                "now": In(TIME_BITS),
                "start_time": Out(TIME_BITS),
                "hold": In(1),
                "load": In(LoadBus()),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.start_times = start_times = memory.Memory(shape=TIME_BITS, depth=1 << INFERENCE_BITS, init=[])
        start, lookup = start_times.write_port(), start_times.read_port(domain="comb")

        last_step = Signal(8, init=self._time_steps - 1, reset_less=True)  # a reset keeps the network
        steps_left, is_last_step = Signal(8, init=self._time_steps - 1, reset_less=True), Signal()
        number = Signal(INFERENCE_BITS)  # of the inference whose tokens come
        under_way = Signal()
        next_number = Signal(INFERENCE_BITS)
        m.d.comb += next_number.eq(self.started + 1)
        # One cycle late: an inference has two tokens at least, so it is right again when the inference is over.
        has_number = Signal()
        m.d.sync += has_number.eq(next_number != self.finished)
        offered = Signal()  # a token was on offer and not taken: it stays on offer
        goes = offered | under_way | (~self.hold & has_number)

        taken = self.i.valid & self.i.ready
        last = self.i.p.end & is_last_step
        m.d.comb += [
            number.eq(self.started - under_way),
            self.i.ready.eq(self.o.ready & goes),
            lookup.addr.eq(self.finished),
            self.start_time.eq(lookup.data),
        ]
        m.d.sync += [
            start.addr.eq(self.started),
            start.data.eq(self.now),
            start.en.eq(taken & ~under_way),
            offered.eq(self.o.valid & ~self.o.ready),
        ]

        # One cycle late too, and only between two tokens. It does not apply to the first token of the next inference.
        decided, drop = Signal(), Signal()
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += decided.eq(self.decided & (number == self.finished))
        m.d.comb += drop.eq(decided & under_way)
        ports = range(self._shape.spikes_per_token)
        spikes = Cat(self.i.p[f"valid_{port}"] for port in ports)
        m.d.comb += [
            self.o.valid.eq(self.i.valid & goes & (self.i.p.end | (spikes.any() & ~drop))),
            self.o.p.end.eq(self.i.p.end),
            self.o.p.last.eq(last),
            *(self.o.p[f"address_{port}"].eq(self.i.p[f"address_{port}"]) for port in ports),
            *(self.o.p[f"valid_{port}"].eq(spikes[port] & ~drop) for port in ports),
        ]
        with m.If(taken):
            m.d.sync += under_way.eq(~last)
            with m.If(~under_way):
                m.d.sync += self.started.eq(next_number)
            with m.If(self.i.p.end):
                m.d.sync += [steps_left.eq(steps_left - 1), is_last_step.eq(steps_left == 1)]
            with m.If(last):
                m.d.sync += steps_left.eq(last_step)
        with m.Elif(~under_way):
            m.d.sync += steps_left.eq(last_step)  # after a reset

        with m.If(self.load.write & (self.load.word.memory == Memory.TIME_STEPS)):
            m.d.sync += [last_step.eq(self.load.word.data - 1), steps_left.eq(self.load.word.data - 1)]
        return m
