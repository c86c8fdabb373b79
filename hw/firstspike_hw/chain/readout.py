"""The read-out: first-spike latencies and the class."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import RESULT_WORD
from firstspike_spec.compiler.shapes import OutputShape

from ..lib.layouts import verdict_layout, word_layout
from .input_gate import INFERENCE_BITS, TIME_BITS


class ReadOut(wiring.Component):
    """Reports the output neurons' spikes and decides: earliest spike, then largest potential, then lowest address.

    With early exit, an inference's decision comes right after the first step in which an output spiked, and nothing is
    reported that happens later. Without it, the decision comes after the last step. If no output spiked, the largest
    potential after the last step decides, then the lowest address.

    Parameters
    ----------
    shape : OutputShape

    Members
    -------
    i : ``In(stream.Signature(verdict_layout(shape.address_bits, shape.potential_bits)))``
        The verdicts of a step by rising address, as `OutputLayer` gives them.
    o : ``Out(stream.Signature(word_layout(RESULT_WORD)))``
        For each inference its reports, then its decision.
    early_exit : ``In(1)``
        Change it only while no inference is under way.
    finished : ``Out(INFERENCE_BITS)``
        Inferences that are finished, which is the number of the one whose verdicts come.
    decided : ``Out(1)``
        The inference whose verdicts come has been decided early.
    start_time, now : ``In(TIME_BITS)``
        When the inference whose verdicts come took its first token; and the present time.
    spike : ``Out(1)``
        An output spike is taken in this cycle.

    Notes
    -----
    Latency: 1 cycle. Throughput: one verdict a cycle.
    """

    #: Cycles from a verdict's transfer to ``o.valid``.
    latency = 1

    def __init__(self, shape: OutputShape):
        self._shape = shape
        super().__init__(
            {
                "i": In(stream.Signature(verdict_layout(shape.address_bits, shape.potential_bits))),
                "o": Out(stream.Signature(word_layout(RESULT_WORD))),
                "early_exit": In(1),
                "finished": Out(INFERENCE_BITS),
                "decided": Out(1),
                "start_time": In(TIME_BITS),
                "now": In(TIME_BITS),
                "spike": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        verdict = self.i.payload
        step = Signal(8)
        fits = ~self.o.valid | self.o.ready
        taken = self.i.valid & fits
        m.d.comb += [self.i.ready.eq(fits), self.spike.eq(taken & ~verdict.end & verdict.fired)]

        # The step's best verdict so far. Verdicts of lower addresses came before, so only a larger potential is better. A
        # neuron that fired has a larger potential than any that did not.
        best_valid, best_address, best_potential = Signal(), Signal.like(verdict.address), Signal.like(verdict.potential)
        larger = (best_potential - verdict.potential)[-1]  # the sign; shorter than a comparison
        with m.If(self.i.valid & ~verdict.end & (~best_valid | larger)):  # while it waits, again and again
            m.d.sync += [best_address.eq(verdict.address), best_potential.eq(verdict.potential)]
        with m.If(taken):
            m.d.sync += best_valid.eq(~verdict.end)

        # The decision is known after the first step with a spike; it is given then, or at the end.
        fires = best_valid & ~best_potential[-1]
        spiked = Signal()  # in an earlier step
        kept_address, kept_step = Signal.like(best_address), Signal.like(step)
        first_spike = Signal()
        m.d.comb += [first_spike.eq(fires & ~spiked), self.decided.eq(spiked & self.early_exit)]
        with m.If(taken & verdict.end):
            m.d.sync += step.eq(step + 1)
            with m.If(first_spike):
                m.d.sync += [kept_address.eq(best_address), kept_step.eq(step), spiked.eq(1)]
            with m.If(verdict.last):
                m.d.sync += [step.eq(0), spiked.eq(0), self.finished.eq(self.finished + 1)]

        # From the inference's first token to when `o` will be valid. It is late by a cycle when the verdicts of the next
        # inference begin, but at least one verdict or end comes before the one that decides.
        then, elapsed = Signal(TIME_BITS), Signal(TIME_BITS)
        m.d.sync += [then.eq(self.now + 2 + self.latency), elapsed.eq(then - self.start_time)]

        reports = ~verdict.end | verdict.last | (self.early_exit & first_spike)
        with m.If(fits):
            m.d.sync += [
                self.o.valid.eq(self.i.valid & reports & ~self.decided),
                self.o.p.decision.eq(verdict.end),
                self.o.p.fired.eq(verdict.fired),
                self.o.p.step.eq(step),
                self.o.p.neuron.eq(verdict.address),
                self.o.p.value.eq(verdict.potential),
            ]
            with m.If(verdict.end):
                m.d.sync += [
                    self.o.p.fired.eq(fires | spiked),
                    self.o.p.step.eq(Mux(spiked, kept_step, step)),
                    self.o.p.neuron.eq(Mux(spiked, kept_address, best_address)),
                    self.o.p.value.eq(elapsed),
                ]
        return m
