"""The step finder: from the total of a window to the step in which it spikes."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import LOAD_WORD
from firstspike_spec.compiler.shapes import index_bits
from firstspike_spec.layered.kernels import MAX_STEPS

from ..parameters import ProcessorParameters


def found_layout(parameters: ProcessorParameters) -> data.StructLayout:
    """Return what is known of a window: its total, its place, and the step in which it spikes if it has ``fired``."""
    shape = parameters.shape
    return data.StructLayout(
        {
            "total": signed(shape.potential_bits),
            "channel": shape.channel_bits,
            "y": shape.side_bits,
            "x": shape.side_bits,
            "step": shape.step_bits,
            "fired": 1,
        }
    )


class StepFinder(wiring.Component):
    """Finds the first step whose threshold a total reaches, by bisection: one comparison a cycle.

    Parameters
    ----------
    parameters : ProcessorParameters

    Members
    -------
    i : ``In(stream.Signature(parameters.fired))``
    o : ``Out(stream.Signature(found_layout(parameters)))``
        Without ``fired``, ``step`` is the last one; such totals are given only if ``output``.
    busy : ``Out(1)``
        Something is in it.
    time_steps : ``In(range(MAX_STEPS + 1))``, slots_log2 : ``In(2)``, output : ``In(1)``
        Those of the FIRE under way.
    write : ``In(1)``, write_step : ``In(range(MAX_STEPS))``, threshold : ``In(32)``
        Set the threshold of a step, from 1 to ``2**32 - 1``; only while not ``busy``. The last step's comes last. It counts
        from the second cycle after this one on.
    last_threshold : ``Out(signed(potential_bits))``
        That of the last step; the highest potential if it is higher than that.

    Notes
    -----
    Latency: `latency` cycles. Throughput: one total a cycle.
    """

    #: Cycles from a total's transfer to ``o.valid``: one for each bit of a step, and one to choose.
    latency = index_bits(MAX_STEPS) + 1

    def __init__(self, parameters: ProcessorParameters):
        self._parameters = parameters
        super().__init__(
            {
                "i": In(stream.Signature(parameters.fired)),
                "o": Out(stream.Signature(found_layout(parameters))),
                "busy": Out(1),
                "time_steps": In(range(MAX_STEPS + 1)),
                "slots_log2": In(2),
                "output": In(1),
                "write": In(1),
                "write_step": In(range(MAX_STEPS)),
                "threshold": In(LOAD_WORD.width("data")),
                "last_threshold": Out(signed(parameters.shape.potential_bits)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = self._parameters.shape.potential_bits
        fits = ~self.o.valid | self.o.ready

        # A threshold that no potential reaches becomes the least such one.
        unreached = 1 << (bits - 1)
        threshold, last = Signal(bits), Signal(bits)
        write, number = Signal(), Signal.like(self.write_step + 1)
        m.d.sync += [
            threshold.eq(Mux(self.threshold < unreached, self.threshold, unreached)),
            write.eq(self.write),
            number.eq(self.write_step + 1),
        ]
        m.d.comb += self.last_threshold.eq(Mux(last == unreached, unreached - 1, last))
        with m.If(write):
            m.d.sync += last.eq(threshold)

        # Before each comparison: the steps whose thresholds are known to be higher.
        coming = data.View(found_layout(self._parameters), Signal(found_layout(self._parameters).size, name="coming"))
        m.d.comb += [
            coming.total.eq(self.i.p.total),
            coming.channel.eq(self.i.p.channel),
            coming.y.eq((self.i.p.window_row << self.slots_log2) | self.i.p.slot),
            coming.x.eq(self.i.p.column),
            coming.step.eq(0),
            coming.fired.eq(self.i.p.total >= last),
        ]
        stage, valid = coming, self.i.valid
        valids = []
        for bit in reversed(range(index_bits(MAX_STEPS))):
            higher = self._is_higher(m, bit, stage, write, number, threshold)
            after, after_valid = Signal.like(stage, name=f"after_{bit}"), Signal(name=f"valid_{bit}")
            with m.If(fits):
                m.d.sync += [after.eq(stage), after_valid.eq(valid)]
                m.d.sync += after.step.eq(stage.step | (higher << bit))
            stage, valid = after, after_valid
            valids.append(valid)
        with m.If(fits):
            m.d.sync += [
                self.o.payload.eq(stage),
                self.o.p.step.eq(Mux(stage.fired, stage.step, self.time_steps - 1)),
                self.o.valid.eq(valid & (stage.fired | self.output)),
            ]
        m.d.comb += [self.i.ready.eq(fits), self.busy.eq(Cat(valids).any() | self.o.valid)]
        return m

    def _is_higher(self, m: Module, bit: int, stage: data.View, write: Value, number: Value, threshold: Value) -> Value:
        """Return whether there is a threshold ``2**bit - 1`` steps after those known to be higher, and it is higher too.

        The steps that can come to this comparison have a memory of their own. A step's threshold is written by its ``number``,
        which counts from 1.
        """
        count = MAX_STEPS >> (bit + 1)
        m.submodules[f"thresholds_{bit}"] = thresholds = memory.Memory(shape=threshold.shape(), depth=max(2, count), init=[])
        port, read = thresholds.write_port(), thresholds.read_port(domain="comb")
        m.d.comb += [
            port.addr.eq(number[bit + 1 :]),
            port.data.eq(threshold),
            port.en.eq(write & (number[: bit + 1] == 1 << bit)),
            read.addr.eq(stage.step[bit + 1 :]),
        ]
        tried = Signal(index_bits(MAX_STEPS) + 1, name=f"tried_{bit}")
        m.d.comb += tried.eq(stage.step + Const(1 << bit))
        higher = Signal(name=f"higher_{bit}")
        m.d.comb += higher.eq((tried <= self.time_steps) & (stage.total < read.data))
        return higher
