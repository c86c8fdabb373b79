"""The accumulator: a lane's potentials."""

from collections.abc import Iterable

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..memory.description import Memories
from ..memory.lane_memory import LaneMemory
from ..memory.load_bus import LoadBus
from ..memory.sum_memory import SumMemory
from .parameters import LayerParameters
from .row_reader import operation_layout


class Accumulator(wiring.Component):
    """Adds weights to potentials, one operation a cycle, and marks the neurons that may fire at the end of the step.

    All that is known of a neuron is its sum - the potential minus the threshold, with the inference and the step of its last
    operation - and its flags: whether it has spiked before, and its place in the fire queue. Nothing is ever cleared or
    scanned:

    - A sum of another inference means the initial potential.
    - A sum of an earlier step that is not negative means that the neuron has spiked.
    - A neuron whose potential reaches the threshold, and that has not spiked, gets a place in the fire queue. Until the step
      ends, each further operation on it corrects the mark at this place.

    An end of a step is an operation too. It renews the sum of one neuron, of all neurons in turn, so that no sum gets so old
    that its inference's number comes again. After a reset all sums are renewed.

    Parameters
    ----------
    parameters : LayerParameters
    contents : iterable of int
        Initial potentials minus the threshold at power-up, by neuron.

    Members
    -------
    valid : ``In(1)``, i : ``In(operation_layout())``
        An operation begins: two cycles after an inference's last end at the earliest, three after the last sweep.
    entry : ``In(parameters.entry)``
        Its entry, `entry_latency` cycles later.
    marks : ``Out(parameters.marks)``
        For the fire queue.
    next_place : ``In(parameters.place_bits)``
        The place in the fire queue that the next push will take, after the one of this cycle.
    operation : ``Out(1)``
        A weight was added.
    load : ``In(LoadBus(shape.potential_bits))``
        Initial potentials only; ``address`` is a neuron. Only while no operation is under way. ``peeked`` comes
        `peek_latency` cycles after ``peek``.

    Notes
    -----
    Throughput: one operation a cycle. What the two operations before it write is forwarded to it.
    """

    #: Cycles from an operation to its entry.
    entry_latency = 2

    #: Cycles from an operation to its mark.
    latency = 7

    #: Cycles from ``peek`` to ``peeked``.
    peek_latency = 3

    def __init__(self, parameters: LayerParameters, contents: Iterable[int] = ()):
        self._parameters = parameters
        bits = parameters.shape.potential_bits
        self._contents = [int(initial) & ((1 << bits) - 1) for initial in contents]
        super().__init__(
            {
                "valid": In(1),
                "i": In(operation_layout()),
                "entry": In(parameters.entry),
                "marks": Out(parameters.marks),
                "next_place": In(parameters.place_bits),
                "operation": Out(1),
                "load": In(LoadBus(bits)),
            }
        )

    @staticmethod
    def memories(parameters: LayerParameters) -> Memories:
        """Yield the memories of an accumulator."""
        depth, style = parameters.shape.lane_neurons, parameters.memory_style
        bits = parameters.shape.potential_bits
        yield SumMemory.description(sum_bits=parameters.sum.size, potential_bits=bits, depth=depth, style=style), 1
        yield LaneMemory.description(bits=parameters.flags.size, depth=depth, style=style), 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        parameters, shape = self._parameters, self._parameters.shape
        bits, depth, style = shape.potential_bits, shape.lane_neurons, parameters.memory_style
        time, of_sum, of_flags = parameters.time, parameters.sum, parameters.flags
        m.submodules.sums = sums = SumMemory(
            sum_bits=of_sum.size, potential_bits=bits, depth=depth, contents=self._contents, style=style
        )
        m.submodules.flags = flags = LaneMemory(bits=of_flags.size, depth=depth, style=style)

        # An operation goes through these stages: its entry is fetched (1), the entry is there (2), the neuron's sum is
        # read (3), it is there (4), the weight is added (5), the flags follow from the signs before and after (6), and
        # go to the fire queue (7).
        stages = range(1, self.latency + 1)
        valid = [self.valid, *(Signal(name=f"valid_{stage}") for stage in stages)]
        operation = [self.i, *(Signal(operation_layout(), name=f"operation_{stage}") for stage in stages)]
        neuron = {stage: Signal(shape.neuron_bits, name=f"neuron_{stage}") for stage in stages[1:]}
        for stage in stages:
            m.d.sync += [valid[stage].eq(valid[stage - 1]), operation[stage].eq(operation[stage - 1])]
        for stage in stages[2:]:
            m.d.sync += neuron[stage].eq(neuron[stage - 1])

        # Stage 2: which neuron, which weight. An end renews the next neuron in turn.
        weight = {stage: Signal(signed(shape.weight_bits), name=f"weight_{stage}") for stage in (3, 4, 5)}
        renewed = Signal(shape.neuron_bits)
        with m.If(valid[2] & operation[2].end):
            m.d.sync += renewed.eq(Mux(renewed == shape.lane_neurons - 1, 0, renewed + 1))
        m.d.comb += [
            neuron[2].eq(Mux(operation[2].end, renewed, self.entry.neuron)),
            sums.address.eq(neuron[2]),
        ]
        m.d.sync += [
            weight[3].eq(Mux(operation[2].end, 0, self.entry.weight)),
            weight[4].eq(weight[3]),
            weight[5].eq(weight[4]),
        ]

        # Stage 3: read. What the two operations before write is not in the memory yet. After an inference's last end comes
        # a cycle of rest: the inference that is now at the next stage is the operation's own. Two comparisons, each of half of
        # its number, say whether a sum belongs to it. Late words have been through a register already.
        late = parameters.has_late_words
        arriving = "comb" if late else "sync"
        now = Signal(time)
        read, initial = Signal(of_sum), Signal(signed(bits))
        same_as_first, same_as_second = Signal(), Signal()
        is_same_as_second, second_of_inference, second_in_step = Signal(), Signal(), Signal()
        use_added, alike_low, alike_high = Signal(), Signal(), Signal()
        inference, sweep = now.inference, operation[3].sweep
        if late:
            inference, sweep = Signal.like(now.inference), operation[4].sweep
            m.d.sync += inference.eq(now.inference)
        unlike = data.View(of_sum, sums.sum).time.inference ^ inference
        half = len(unlike) // 2
        m.d.comb += [
            is_same_as_second.eq(neuron[3] == neuron[5]),
            second_of_inference.eq(valid[5] & ~(operation[5].end & operation[5].last)),
        ]
        m.d[arriving] += [
            read.eq(sums.sum),
            initial.eq(sums.initial),
            alike_low.eq(~unlike[:half].any()),
            alike_high.eq(~unlike[half:].any() & ~sweep),
        ]
        m.d.sync += [
            same_as_first.eq(neuron[3] == neuron[4]),
            same_as_second.eq(is_same_as_second),
            use_added.eq(is_same_as_second & second_of_inference & ~operation[3].sweep),
            second_in_step.eq(~(operation[5].end | (operation[4].end & valid[4]))),
        ]

        # Stage 4: what the sum means now. The sum of the second operation before is in `added`; if that operation ended an
        # inference, the sum that was read belongs to an even older one.
        with m.If(valid[4] & operation[4].end):
            m.d.sync += [
                now.step.eq(Mux(operation[4].last, 0, now.step + 1)),
                now.inference.eq(now.inference + operation[4].last),
            ]
        added = Signal(signed(bits))
        use_read = alike_low & alike_high
        after_first = {stage: Signal(name=f"after_first_{stage}") for stage in (5, 6)}
        after_second = Signal()
        m.d.sync += [
            after_first[5].eq(same_as_first & valid[5]),
            after_first[6].eq(after_first[5]),
            after_second.eq(same_as_second & valid[6]),
        ]
        found, in_inference, in_step, time_5 = Signal(signed(bits)), Signal(), Signal(), Signal(time)
        m.d.sync += [
            found.eq(Mux(use_added, added, Mux(use_read, read.potential, initial))),
            in_inference.eq(use_added | use_read),
            in_step.eq(Mux(use_added, second_in_step, use_read & (read.time.step == now.step))),
            time_5.eq(now),
        ]
        m.d.comb += flags.address.eq(neuron[3])

        # Stage 5: add. The sum of the operation before is in `added`.
        old, new, initial_5 = Signal(signed(bits)), Signal(signed(bits)), Signal(signed(bits))
        m.d.sync += initial_5.eq(initial)
        m.d.comb += [
            old.eq(Mux(after_first[5], added, found)),
            new.eq(old + weight[5]),
            sums.write.eq(valid[5]),
            sums.write_address.eq(neuron[5]),
            sums.write_sum.eq(Cat(new, time_5)),
            sums.write_initial.eq(initial_5),
        ]
        was_in_inference, was_in_step = Signal(), Signal()
        same_inference, same_step, just_spiked, may_take, adds = Signal(), Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            was_in_inference.eq(after_first[5] | in_inference),
            was_in_step.eq(Mux(after_first[5], ~operation[6].end, in_step)),
        ]
        m.d.sync += [
            added.eq(new),
            same_inference.eq(was_in_inference),
            same_step.eq(was_in_step),
            # It was above the threshold when an earlier step ended.
            just_spiked.eq(was_in_inference & ~was_in_step & ~old[-1]),
            may_take.eq(valid[5] & ~operation[5].end),
            adds.eq(valid[5] & weight[5].any()),
        ]
        # The flags of the second operation before are in `noted`.
        flags_read, noted, flags_found = Signal(of_flags), Signal(of_flags), Signal(of_flags)
        m.d[arriving] += flags_read.eq(flags.word)
        m.d.sync += [
            flags_found.eq(Mux(after_second, noted, flags_read)),
        ]

        # Stage 6: the flags. Those of the operation before are in `noted`.
        before, after = Signal(of_flags), Signal(of_flags)
        had_spiked, had_place, takes_place = Signal(), Signal(), Signal()
        marks = self.marks
        m.d.comb += [
            before.eq(Mux(after_first[6], noted, flags_found)),
            had_place.eq(same_step & before.placed),
            had_spiked.eq(same_inference & before.spiked),
            takes_place.eq(may_take & ~just_spiked & ~added[-1] & ~had_place & ~had_spiked),
            after.spiked.eq(had_spiked | just_spiked),
            after.placed.eq(had_place | takes_place),
            after.place.eq(Mux(had_place, before.place, self.next_place)),
            flags.write.eq(valid[6]),
            flags.write_address.eq(neuron[6]),
            flags.write_word.eq(after),
        ]
        m.d.sync += [
            noted.eq(after),
            marks.push.eq(takes_place | (valid[6] & operation[6].end & ~operation[6].sweep)),
            marks.mark.eq(may_take & after.placed),
            marks.fires.eq(~added[-1]),
        ]

        # Stage 7: to the fire queue.
        ending = Signal()  # an end is at one of the stages, or was in the cycle before
        m.d.sync += ending.eq(Cat(valid[stage - 1] & operation[stage - 1].end for stage in stages).any())
        m.d.comb += [
            marks.place.eq(noted.place),
            marks.neuron.eq(neuron[7]),
            marks.end.eq(operation[7].end),
            marks.last.eq(operation[7].last),
            marks.ending.eq(ending | (valid[0] & operation[0].end)),
            self.operation.eq(adds),
        ]

        # Loading.
        peeks, peeked = Signal(2), Signal(bits)
        m.d.comb += [
            sums.load.eq(self.load.write),
            sums.load_address.eq(self.load.word.address),
            sums.load_initial.eq(self.load.word.data),
            sums.peek.eq(self.load.peek),
        ]
        m.d.sync += peeks.eq(Cat(self.load.peek, peeks))
        m.d[arriving] += peeked.eq(sums.initial)
        m.d.sync += self.load.peeked.eq(Mux(peeks[-1], peeked, 0))
        return m
