"""The processor: one set of lanes that runs a layered network, one layer after the other."""

from dataclasses import replace

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import LOAD_WORD, RESULT_WORD
from firstspike_spec.processor import contents
from firstspike_spec.processor.shape import ProcessorShape
from firstspike_spec.processor.spikes import probe_word

from ..chain.engine import COUNTERS
from ..lib.delays import delayed
from ..lib.layouts import word_layout
from ..lib.skid_buffer import SkidBuffer
from ..lib.trees import any_of, count_ones, running_total
from ..memory.description import Memories, times
from ..memory.load_bus import WORD_BITS
from ..memory.loadable_memory import LoadableMemory
from .lane.lane import Lane
from .lane_group import LaneGroup
from .parameters import STEP_SLACK, ProcessorParameters
from .shared.dispatcher import Dispatcher
from .shared.fire_sequencer import FireSequencer
from .shared.input_format import INPUT_FORMAT, InputFormat
from .shared.merger import Merger
from .shared.readout import ReadOut
from .shared.sequencer import Sequencer
from .shared.source_records import SourceRecords
from .shared.spike_ring import SpikeRing
from .shared.step_finder import StepFinder

#: Lanes of a group.
GROUP_LANES = 8

#: Cycles from what a lane says until it sees what dispatcher and fire sequencer make of it: two registers, and one back.
_ROUND_TRIP = 3

#: Cycles from a load word's arrival at the last group until it is in a lane's memory, and some more.
_LOAD_SETTLING = 6


def probes(shape: ProcessorShape) -> dict[str, wiring.Member]:
    """Return the member that shows the spikes of layers."""
    return {"probe_0": Out(stream.Signature(word_layout(probe_word(shape)), always_ready=True))}


class Processor(wiring.Component):
    """Runs a layered network: input spikes in, first-spike latencies and classes out.

    It holds any network whose program and memories fit: one that is loaded replaces the one before. Images may follow one
    another without a pause. A reset ends what is under way, and keeps the network.

    Parameters
    ----------
    parameters : ProcessorParameters

    Members
    -------
    i : ``In(stream.Signature(word_layout(shape.spike)))``
        The spikes of an image in any order, then a word with ``end``, whose other fields mean nothing.
    o : ``Out(stream.Signature(word_layout(RESULT_WORD)))``
        For each image: a report of each output neuron, then the decision.
    load : ``In(stream.Signature(word_layout(LOAD_WORD)))``
        A network's words (`firstspike_spec.processor.contents.ProcessorContents`). They are taken while no image is under way,
        and not right after a reset; no image begins while a word waits. If there is a pause between the words of a network,
        offer no image during it.
    peek : ``In(1)``
        The word on offer at ``load`` names a place to be read, not written.
    peeked : ``Out(stream.Signature(32, always_ready=True))``
        The words that were read, in order, `peek_latency` cycles later; zero for places where there is no memory.
    busy : ``Out(1)``
        An image is under way.
    input_format : ``Out(INPUT_FORMAT)``
        What was loaded of it; the processor itself does not need it.
    counters : ``Out(COUNTERS)``
    probe_0 : ``Out(stream.Signature(word_layout(probe_word(shape)), always_ready=True))``
        Copies of the spikes that are written to the spike memory, and a word with ``end`` after each image.

    Notes
    -----
    Throughput: INTEGRATE takes a spike a cycle while all lanes have room, FIRE a step a cycle while no lane is crowded.
    """

    @staticmethod
    def peek_latency(shape: ProcessorShape) -> int:
        """Return the cycles from a peek's transfer at ``load`` to its word: from group to group, and two registers."""
        return 2 + _groups_peek_latency(shape)

    def __init__(self, parameters: ProcessorParameters):
        # Calls wait in the dispatcher, so few are on their way.
        self._parameters, shape = replace(parameters, call_slack=_ROUND_TRIP), parameters.shape
        super().__init__(
            {
                "i": In(stream.Signature(parameters.spike)),
                "o": Out(stream.Signature(word_layout(RESULT_WORD))),
                "load": In(stream.Signature(word_layout(LOAD_WORD))),
                "peek": In(1),
                "peeked": Out(stream.Signature(WORD_BITS, always_ready=True)),
                "busy": Out(1),
                "input_format": Out(INPUT_FORMAT),
                "counters": Out(COUNTERS),
                **probes(shape),
            }
        )

    @staticmethod
    def memories(parameters: ProcessorParameters) -> Memories:
        """Yield the memories of a processor, except small ones, which are always in LUTs."""
        shape, style = parameters.shape, parameters.memory_style
        yield from times(shape.lanes, Lane.memories(parameters))
        yield from Dispatcher.memories(parameters)
        yield from Sequencer.memories(parameters)
        for depth in (shape.inputs, shape.spikes):
            yield from SpikeRing.memories(parameters.spike, depth, style)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        parameters, shape = self._parameters, self._parameters.shape
        m.submodules.sequencer = sequencer = Sequencer(parameters)
        m.submodules.inputs = inputs = SpikeRing(parameters.spike, depth=shape.inputs, style=parameters.memory_style)
        m.submodules.spikes = spikes = SpikeRing(parameters.spike, depth=shape.spikes, style=parameters.memory_style)
        m.submodules.records = records = SourceRecords(len(spikes.written), style=parameters.memory_style)
        m.submodules.dispatcher = dispatcher = Dispatcher(parameters)
        m.submodules.fire_sequencer = fire_sequencer = FireSequencer(parameters)
        m.submodules.merger = merger = Merger(parameters.fired, shape.lanes)
        m.submodules.step_finder = finder = StepFinder(parameters)
        m.submodules.verdicts = verdicts = SkidBuffer(finder.o.payload.shape())
        m.submodules.readout = readout = ReadOut(parameters)
        assert fire_sequencer.slack + _ROUND_TRIP <= STEP_SLACK
        wiring.connect(m, readout.o, wiring.flipped(self.o))
        wiring.connect(m, verdicts.o, readout.i)
        wiring.connect(m, merger.o, finder.i)
        wiring.connect(m, dispatcher.inputs, inputs.reader)
        wiring.connect(m, dispatcher.spikes, spikes.reader)

        # The lanes.
        groups: list[LaneGroup] = []
        lanes = iter(merger.lanes)
        for first in range(0, shape.lanes, GROUP_LANES):
            count = min(GROUP_LANES, shape.lanes - first)
            m.submodules[f"group_{len(groups)}"] = group = LaneGroup(parameters, first=first, lanes=count)
            for lane in group.fired:
                wiring.connect(m, lane, next(lanes))
            if groups:
                wiring.connect(m, groups[-1].next_load, group.load)
            m.d.comb += [
                group.call.eq(dispatcher.call),
                group.call_valid.eq(dispatcher.call_valid),
                group.step.eq(fire_sequencer.step),
                group.threshold.eq(finder.last_threshold),
                group.output.eq(finder.output),
            ]
            groups.append(group)
        room, crowded, swept, working, firing = Signal(), Signal(), Signal(), Signal(), Signal()
        m.d.sync += [
            room.eq(Cat(group.room for group in groups).all()),
            swept.eq(Cat(group.ready for group in groups).all()),
            crowded.eq(Cat(group.crowded for group in groups).any()),
            working.eq(Cat(group.working for group in groups).any()),
            firing.eq(Cat(group.firing for group in groups).any()),
        ]

        # Who starts whom.
        m.d.comb += [
            dispatcher.start.eq(sequencer.integrate),
            dispatcher.integration.eq(sequencer.integration),
            dispatcher.room.eq(room),
            sequencer.integrating.eq(dispatcher.busy),
            sequencer.working.eq(working),
            fire_sequencer.start.eq(sequencer.fire),
            fire_sequencer.geometry.eq(sequencer.geometry),
            fire_sequencer.crowded.eq(crowded),
            sequencer.stepping.eq(fire_sequencer.busy),
            sequencer.firing.eq(firing | merger.busy | finder.busy | verdicts.o.valid),
            finder.time_steps.eq(sequencer.firing_of.time_steps),
            finder.output.eq(sequencer.firing_of.output),
            finder.slots_log2.eq(sequencer.geometry.slots_log2),
            finder.write.eq(sequencer.write),
            finder.write_step.eq(sequencer.write_step),
            finder.threshold.eq(sequencer.threshold),
            readout.decide.eq(sequencer.decide),
            sequencer.decided.eq(readout.decided),
        ]

        # Where spikes are read.
        m.d.comb += [
            inputs.first.eq(inputs.free),
            inputs.limit.eq(inputs.written),
            inputs.follows.eq(1),
            inputs.free_to.eq(inputs.given),
            inputs.free_all.eq(readout.decided),
            records.source.eq(sequencer.firing_of.source),
            records.opens.eq(sequencer.opens),
            records.closes.eq(sequencer.closes),
            records.written.eq(spikes.written),
            records.read_source.eq(dispatcher.source),
            spikes.first.eq(records.first),
            spikes.limit.eq(records.limit),
            spikes.follows.eq(records.follows),
            spikes.free_to.eq(spikes.written),
            spikes.free_all.eq(readout.decided),
        ]

        # Where totals go. A spike without a place waits if places may become free, else it is lost.
        found, of_output, stuck, loses = finder.o, finder.output, Signal(), Signal()
        without_release = dispatcher.spikes.reads & records.follows & ~dispatcher.release
        m.d.sync += stuck.eq(Mux(dispatcher.busy, without_release, sequencer.waits))
        m.d.comb += [
            loses.eq(found.valid & ~of_output & ~spikes.i.ready & stuck),
            readout.loses.eq(loses),
            found.ready.eq(Mux(of_output, verdicts.i.ready, spikes.i.ready | loses)),
            verdicts.i.valid.eq(found.valid & of_output),
            verdicts.i.payload.eq(found.payload),
            spikes.i.valid.eq(found.valid & ~of_output),
            *(spikes.i.p[name].eq(found.p[name]) for name in ("step", "x", "y", "channel")),
        ]

        # Images. Their time begins when their first word is read.
        begun, in_image, loading = Signal(), Signal(), Signal()
        starts = dispatcher.inputs.start & ~begun
        m.d.sync += [
            readout.begins.eq(starts),
            begun.eq((begun | starts) & ~readout.decided),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += in_image.eq(~self.i.p.end)
        waits, admitted = inputs.written != inputs.free, in_image | ~loading
        m.d.comb += [
            sequencer.image_waits.eq(waits & swept),
            self.busy.eq(waits | sequencer.active),
            inputs.i.payload.eq(self.i.payload),
            inputs.i.valid.eq(self.i.valid & admitted),
            self.i.ready.eq(inputs.i.ready & admitted),
        ]

        self._load(m, groups, dispatcher, sequencer, swept, loading)

        written = spikes.i.valid & spikes.i.ready
        fields = {name: spikes.i.p[name] for name in parameters.spike.members} | {"source": sequencer.firing_of.source}
        m.d.comb += [
            self.probe_0.valid.eq(written | readout.decided),
            *(self.probe_0.p[name].eq(value) for name, value in fields.items()),
            self.probe_0.p.end.eq(readout.decided),
        ]
        came = self.i.valid & self.i.ready & ~self.i.p.end
        reported = readout.i.valid & readout.i.ready & readout.i.p.fired
        self._count(m, groups, Cat(came, written, reported))
        return m

    def _load(
        self,
        m: Module,
        groups: list[LaneGroup],
        dispatcher: Dispatcher,
        sequencer: Sequencer,
        swept: Value,
        loading: Value,
    ) -> None:
        """Give each load word to its memory; ``loading`` while words wait, or are on their way."""
        shape = self._parameters.shape
        word, writes, peeks = Signal(word_layout(LOAD_WORD)), Signal(), Signal(self.peek_latency(shape))
        settles = len(groups) + _LOAD_SETTLING
        left = Signal(range(settles + 1))
        taken = self.load.valid & self.load.ready
        m.d.comb += [self.load.ready.eq(~self.busy & swept), loading.eq(self.load.valid | (left != 0))]
        m.d.sync += [
            word.eq(self.load.payload),
            writes.eq(taken & ~self.peek),
            peeks.eq(Cat(taken & self.peek, peeks)),
            left.eq(Mux(taken, settles, left - (left != 0))),
        ]
        of_lanes, of_shared = word.layer == contents.LANES_LAYER, word.layer == contents.SHARED_LAYER
        chain = groups[0].load
        m.d.comb += [chain.word.eq(word), chain.write.eq(writes & of_lanes), chain.peek.eq(peeks[0] & of_lanes)]
        m.submodules.input_format = input_format = InputFormat()
        m.d.comb += self.input_format.eq(input_format.o)
        shared = {
            contents.PROGRAM: sequencer.load,
            contents.KERNELS: dispatcher.load_kernels,
            contents.ROWS: dispatcher.load_rows,
            contents.COLUMNS: dispatcher.load_columns,
            contents.INPUT_FORMAT: input_format.load,
        }
        for number, bus in shared.items():
            mine = of_shared & (word.lane == number)
            m.d.comb += [bus.word.eq(word), bus.write.eq(writes & mine), bus.peek.eq(peeks[0] & mine)]
        found = any_of([bus.peeked for bus in shared.values()])
        found = delayed(m, found, _groups_peek_latency(shape) - LoadableMemory.peek_latency)
        m.d.sync += self.peeked.payload.eq(found | groups[-1].next_load.peeked)
        m.d.comb += self.peeked.valid.eq(peeks[-1])

    def _count(self, m: Module, groups: list[LaneGroup], new_spikes: Value) -> None:
        """Count busy and stalled cycles, spikes and operations, some cycles late."""
        busy, stalls = Signal(), Signal()
        came, spikes = Signal(len(new_spikes)), Signal(range(len(new_spikes) + 1))
        m.d.sync += [
            busy.eq(self.busy),
            stalls.eq(self.busy & self.i.valid & ~self.i.ready),
            came.eq(new_spikes),
            spikes.eq(count_ones(came)),
        ]
        operations = running_total(m, [(group.operations, len(group.fired)) for group in groups])
        for name, more in zip(COUNTERS.members, (busy, stalls, spikes, operations), strict=True):
            m.d.sync += self.counters[name].eq(self.counters[name] + more)


def _groups_peek_latency(shape: ProcessorShape) -> int:
    return LaneGroup.peek_latency + (shape.lanes - 1) // GROUP_LANES
