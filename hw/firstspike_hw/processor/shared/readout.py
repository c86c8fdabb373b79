"""The read-out: the output neurons' reports, and the decision of each image."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import RESULT_WORD
from firstspike_spec.protocol.processor_results import SPIKES_LOST

from ...lib.layouts import word_layout
from ..parameters import ProcessorParameters
from .step_finder import found_layout


class ReadOut(wiring.Component):
    """Reports each output neuron, then gives the decision: the largest potential, and of several the lowest channel.

    Parameters
    ----------
    parameters : ProcessorParameters

    Members
    -------
    i : ``In(stream.Signature(found_layout(parameters)))``
        The output neurons of an image in any order. ``y`` and ``x`` are ignored.
    o : ``Out(stream.Signature(word_layout(RESULT_WORD)))``
        A report for each, whose value is the potential; then the decision.
    begins : ``In(1)``
        The image's first word is read in this cycle.
    loses : ``In(1)``
        A spike of the image is lost in this cycle.
    decide : ``In(1)``
        All output neurons are here, or have been; until ``decided``.
    decided : ``Out(1)``
        The decision is given in the next cycle.

    Notes
    -----
    Latency: 1 cycle. Throughput: one neuron a cycle. A decision's value is the number of cycles from ``begins`` to
    ``o.valid``, or `SPIKES_LOST`.
    """

    #: Cycles from a neuron's transfer to ``o.valid``.
    latency = 1

    def __init__(self, parameters: ProcessorParameters):
        self._parameters = parameters
        super().__init__(
            {
                "i": In(stream.Signature(found_layout(parameters))),
                "o": Out(stream.Signature(word_layout(RESULT_WORD))),
                "begins": In(1),
                "loses": In(1),
                "decide": In(1),
                "decided": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        found, result = self.i.payload, self.o.payload
        fits = ~self.o.valid | self.o.ready
        m.d.comb += [self.i.ready.eq(fits), self.decided.eq(self.decide & fits & ~self.i.valid)]

        # One number orders them: the potential above the channel's complement.
        rank = Cat(~found.channel, found.total.as_unsigned()).as_signed()
        best, best_rank, has_best = Signal.like(found), Signal(rank.shape()), Signal()
        with m.If(self.i.valid & fits):
            m.d.sync += has_best.eq(1)
            with m.If(~has_best | (rank > best_rank)):
                m.d.sync += [best.eq(found), best_rank.eq(rank)]
        with m.If(self.decided):
            m.d.sync += has_best.eq(0)

        # In each cycle: the time from the image's beginning to the next cycle.
        elapsed, lost = Signal(RESULT_WORD.width("value")), Signal()
        m.d.sync += elapsed.eq(Mux(self.begins, 1 + self.latency, elapsed + 1))
        with m.If(self.loses | self.decided):
            m.d.sync += lost.eq(self.loses)

        with m.If(fits):
            m.d.sync += [
                self.o.valid.eq(self.i.valid | self.decide),
                result.decision.eq(~self.i.valid),
                result.value.eq(found.total),
                result.neuron.eq(found.channel),
                result.step.eq(found.step),
                result.fired.eq(found.fired),
            ]
            with m.If(~self.i.valid):
                m.d.sync += [
                    result.value.eq(Mux(lost, SPIKES_LOST, elapsed)),
                    result.neuron.eq(best.channel),
                    result.step.eq(best.step),
                    result.fired.eq(best.fired),
                ]
        return m
