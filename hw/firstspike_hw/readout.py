"""The read-out: first-spike latencies and the class."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.engine import LayerShape
from firstspike_spec.words import RESULT_WORD

from .feeder import INFERENCE_BITS, TIME_BITS
from .layouts import verdict_layout, word_layout


class ReadOut(wiring.Component):
    """Reports the output neurons' spikes and decides: earliest spike, then largest potential, then lowest address.

    With early exit, an inference's decision comes right after the first step in which an output spiked, and nothing is
    reported that happens later. Without it, the decision comes after the last step. If no output spiked, the largest
    potential after the last step decides, then the lowest address.

    Parameters
    ----------
    shape : LayerShape
        Of the output layer.

    Members
    -------
    i : ``In(stream.Signature(verdict_layout(...)))``
    o : ``Out(stream.Signature(word_layout(RESULT_WORD)))``
        For each inference its reports, then its decision.
    early_exit : ``In(1)``
        Change it only while no inference is under way.
    judged : ``Out(INFERENCE_BITS)``
        Number of the inference whose verdicts come.
    decided : ``Out(1)``
        That inference has been decided early.
    start_time, now : ``In(TIME_BITS)``
        When that inference took its first token, and the time.
    spike : ``Out(1)``
        An output spike is taken in this cycle.

    Notes
    -----
    Latency: 1 cycle. Throughput: one verdict a cycle.
    """

    #: Cycles from a verdict's transfer to ``o.valid``.
    latency = 1

    def __init__(self, shape: LayerShape):
        self._shape = shape
        super().__init__(
            {
                "i": In(stream.Signature(verdict_layout(shape.address_bits, shape.potential_bits))),
                "o": Out(stream.Signature(word_layout(RESULT_WORD))),
                "early_exit": In(1),
                "judged": Out(INFERENCE_BITS),
                "decided": Out(1),
                "start_time": In(TIME_BITS),
                "now": In(TIME_BITS),
                "spike": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        verdict = self.i.payload
        candidate = data.StructLayout({"valid": 1, "address": verdict.address.shape(), "potential": verdict.potential.shape()})
        best_fired, best_silent = Signal(candidate), Signal(candidate)
        step = Signal(8)
        fits = ~self.o.valid | self.o.ready
        taken = self.i.valid & fits
        m.d.comb += [self.i.ready.eq(fits), self.spike.eq(taken & ~verdict.end & verdict.fired)]

        # The decision stands after the first step with a spike; it is told then or at the end.
        winner = Signal(candidate)
        winner_step = Signal.like(step)
        spiked = Signal()  # in an earlier step
        m.d.comb += self.decided.eq(spiked & self.early_exit)

        with m.If(fits):
            m.d.sync += self.o.valid.eq(0)
        with m.If(taken & ~verdict.end):
            for best, wanted in ((best_fired, verdict.fired), (best_silent, ~verdict.fired)):
                better = verdict.potential > best.potential
                equal = verdict.potential == best.potential
                with m.If(wanted & (~best.valid | better | (equal & (verdict.address < best.address)))):
                    m.d.sync += [best.valid.eq(1), best.address.eq(verdict.address), best.potential.eq(verdict.potential)]
            m.d.sync += [
                self.o.valid.eq(~self.decided),
                self.o.p.decision.eq(0),
                self.o.p.fired.eq(verdict.fired),
                self.o.p.step.eq(step),
                self.o.p.neuron.eq(verdict.address),
                self.o.p.value.eq(verdict.potential),
            ]

        first_spike = best_fired.valid & ~spiked
        with m.If(taken & verdict.end):
            m.d.comb += [
                winner_step.eq(step),
                winner.eq(Mux(best_fired.valid, best_fired, best_silent)),
            ]
            kept, kept_step = Signal(candidate), Signal.like(step)
            with m.If(spiked):
                m.d.comb += [winner.eq(kept), winner_step.eq(kept_step)]
            with m.If(first_spike):
                m.d.sync += [kept.eq(best_fired), kept_step.eq(step), spiked.eq(1)]
            m.d.sync += [
                best_fired.valid.eq(0),
                step.eq(step + 1),
                self.o.valid.eq(Mux(self.early_exit & (first_spike | spiked), first_spike, verdict.last)),
                self.o.p.decision.eq(1),
                self.o.p.fired.eq(best_fired.valid | spiked),
                self.o.p.step.eq(winner_step),
                self.o.p.neuron.eq(winner.address),
                self.o.p.value.eq((self.now + self.latency - self.start_time)[:TIME_BITS]),
            ]
            with m.If(verdict.last):
                m.d.sync += [step.eq(0), spiked.eq(0), best_silent.valid.eq(0), self.judged.eq(self.judged + 1)]
        return m
