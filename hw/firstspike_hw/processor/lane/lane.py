"""A lane of the processor: the processing element that owns some of the neurons of every layer."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...lib.delays import delayed
from ...memory.description import Memories, MemoryDescription
from ...memory.load_bus import LoadBus, pass_on
from ...memory.loadable_memory import LoadableMemory
from ..parameters import STEP_SLACK, ProcessorParameters, StepKind
from .entry_reader import EntryReader
from .potential_unit import PotentialUnit
from .queue import Queue
from .row_finder import RowFinder
from .window_unit import WindowUnit


class Lane(wiring.Component):
    """Adds up what spikes mean for its neurons, and tells which of them fire.

    A call is a spike; most lanes have a few entries for it. They lie in a row, whose pointer the lane looks up. A call without
    entries costs the lane nothing, rows wait in a queue, and entries are read back to back: each is added to a potential.
    A step of FIRE takes the place of an entry in this pipeline.

    After a reset the lane clears all potentials.

    Parameters
    ----------
    parameters : ProcessorParameters

    Members
    -------
    call : ``In(parameters.call)``, call_valid : ``In(1)``
        A call comes in this cycle. It is never refused.
    room : ``Out(1)``
        There is room for calls: at most ``parameters.call_slack`` come after it has gone.
    step : ``In(parameters.step)``
        A step of FIRE comes in this cycle. Those of a layer come when all entries have been added to its potentials
        (``working``). Before each header there are `HEADER_GAP` cycles without a step.
    crowded : ``Out(1)``
        Totals wait: at most `STEP_SLACK` steps come afterwards.
    threshold : ``In(signed(shape.potential_bits))``, output : ``In(1)``
        The layer's last threshold; it is the output layer, all of whose totals are given. Constant while ``firing``.
    fired : ``Out(stream.Signature(parameters.fired))``
    working : ``Out(1)``
        A call or an entry is under way, from the cycle after ``call_valid`` until the cycle after the last sum is written.
    firing : ``Out(1)``
        A step or a total is under way, from the cycle after the step comes until the cycle after the last total is taken.
    operation : ``Out(1)``
        An entry is added in this cycle.
    ready : ``Out(1)``
        All potentials have been cleared after the reset: from now on calls and steps may come.
    load : ``In(LoadBus(...))``
        Words for this lane; their ``layer`` and ``lane`` are ignored. Only while neither ``working`` nor ``firing``.
        ``peeked`` comes `peek_latency` cycles after ``peek``.

    Notes
    -----
    Latency: `latency` cycles from a call to the cycle in which the first entry of its row is added; `step_latency` from the
    step that closes a window to ``fired.valid``. Throughput: one entry or step a cycle. But ``crowded`` reserves a place of
    the queue for each window that is under way: windows of one neuron come in bursts of about 15 steps.
    """

    #: Places for totals that wait.
    FIRED_DEPTH = 16

    #: Cycles from a step's coming to its turn among the entries.
    _TURN = 1

    #: Cycles from a call to the addition of its row's first entry.
    latency = RowFinder.latency + Queue.latency + EntryReader.row_latency + EntryReader.latency + PotentialUnit.latency

    #: Cycles from the last step of a window to ``fired.valid``.
    step_latency = _TURN + EntryReader.latency + PotentialUnit.latency + WindowUnit.latency + Queue.latency

    #: Cycles from ``peek`` to ``peeked``.
    peek_latency = LoadableMemory.peek_latency

    def __init__(self, parameters: ProcessorParameters):
        self._parameters, shape = parameters, parameters.shape
        bits = shape.potential_bits
        super().__init__(
            {
                "call": In(parameters.call),
                "call_valid": In(1),
                "room": Out(1),
                "step": In(parameters.step),
                "crowded": Out(1),
                "threshold": In(signed(bits)),
                "output": In(1),
                "fired": Out(stream.Signature(parameters.fired)),
                "working": Out(1),
                "firing": Out(1),
                "operation": Out(1),
                "ready": Out(1),
                "load": In(LoadBus(max(shape.pointer.bits, shape.entry.bits))),
            }
        )

    @staticmethod
    def memories(parameters: ProcessorParameters) -> Memories:
        """Yield the memories of a lane."""
        yield RowFinder.description(parameters), 1
        yield EntryReader.description(parameters), 1
        yield PotentialUnit.description(parameters), 1
        for description in _queues(parameters):
            yield description, 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        parameters, shape = self._parameters, self._parameters.shape
        rows_queue, fired_queue = (description.create() for description in _queues(parameters))
        m.submodules.finder = finder = RowFinder(parameters)
        m.submodules.rows = rows = rows_queue
        m.submodules.reader = reader = EntryReader(parameters)
        m.submodules.potentials = potentials = PotentialUnit(parameters)
        m.submodules.windows = windows = WindowUnit(parameters)
        m.submodules.totals = totals = fired_queue

        # Calls.
        wiring.connect(m, rows.o, reader.rows)
        m.d.comb += [
            finder.call.eq(self.call),
            finder.valid.eq(self.call_valid),
            rows.announce.eq(self.call_valid),
            rows.push.eq(finder.found),
            rows.i.eq(finder.row),
            rows.decline.eq(finder.empty),
            self.room.eq(rows.room),
            potentials.valid.eq(reader.valid),
            potentials.entry.eq(reader.entry),
            potentials.base.eq(reader.base),
            potentials.value.eq(reader.value),
            self.operation.eq(potentials.operation),
        ]

        # Steps. The first ones are those of the sweep after a reset.
        turn = Signal(parameters.step, init={"kind": StepKind.CLEAR})
        sweeps = Signal(init=1)
        m.d.sync += turn.eq(self.step)
        with m.If(sweeps):
            m.d.sync += [
                turn.kind.eq(StepKind.CLEAR),
                turn.address.eq(turn.address + 1),
                sweeps.eq(turn.address != shape.potentials - 2),
            ]
        at_entry = delayed(m, turn, EntryReader.latency)
        m.d.comb += [
            self.ready.eq(~sweeps),
            reader.hold.eq(turn.kind != StepKind.NOTHING),
            reader.peek_header.eq(self.step.kind == StepKind.HEADER),
            reader.header_address.eq(self.step.address),
            potentials.clear.eq((at_entry.kind == StepKind.CLEAR) | (at_entry.kind == StepKind.VISIT)),
            potentials.address.eq(at_entry.address),
            windows.header_comes.eq(at_entry.kind == StepKind.HEADER),
            windows.header_word.eq(reader.entry),
            windows.step.eq(delayed(m, at_entry, PotentialUnit.latency)),
            windows.potential.eq(potentials.potential),
            windows.threshold.eq(self.threshold),
            windows.output.eq(self.output),
            totals.announce.eq((self.step.kind == StepKind.VISIT) & self.step.closes_window),
            totals.push.eq(windows.fires),
            totals.i.eq(windows.fired),
            totals.decline.eq(windows.drops),
            self.crowded.eq(~totals.room),
        ]
        wiring.connect(m, totals.o, wiring.flipped(self.fired))

        # What is under way.
        steps = Signal(self.step_latency - Queue.latency)
        m.d.sync += [
            steps.eq(Cat(self.step.kind != StepKind.NOTHING, steps)),
            self.firing.eq((self.step.kind != StepKind.NOTHING) | steps.any() | totals.holds),
            self.working.eq(self.call_valid | finder.busy | rows.holds | reader.busy | reader.valid | potentials.busy),
        ]

        # Loading.
        pass_on(m, self.load, finder.load)
        pass_on(m, self.load, reader.load)
        m.d.comb += self.load.peeked.eq(finder.load.peeked | reader.load.peeked)
        return m


def _queues(parameters: ProcessorParameters) -> tuple[MemoryDescription, MemoryDescription]:
    """Return the queue of rows and that of totals."""
    shape, style = parameters.shape, parameters.memory_style
    return (
        Queue.description(parameters.row, depth=shape.queue_depth, slack=parameters.call_slack, style=style),
        Queue.description(parameters.fired, depth=Lane.FIRED_DEPTH, slack=STEP_SLACK, style=style),
    )
