"""The dispatcher: it gives all lanes the spikes of a source, one after the other."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import Memory
from firstspike_spec.processor.shape import MAX_SOURCES

from ...lib.layouts import word_layout
from ...memory.description import Memories, MemoryDescription
from ...memory.load_bus import LoadBus
from ...memory.loadable_memory import LoadableMemory
from ..lane.queue import Queue
from ..parameters import ProcessorParameters
from .source_records import SourceRecords
from .spike_ring import RingReader, SpikeRing

#: An INTEGRATE: `firstspike_spec.processor.instructions.Integrate`.
INTEGRATION = data.StructLayout(
    {"source": range(MAX_SOURCES), "release": 1, "row": 16, "channel_rows": 16, "rows": 16, "columns": 16}
)


class Dispatcher(wiring.Component):
    """Executes INTEGRATE: reads the spikes of a source, and makes a call to all lanes of each one that a neuron sees.

    Parameters
    ----------
    parameters : ProcessorParameters

    Members
    -------
    start : ``In(1)``, integration : ``In(INTEGRATION)``
        Execute an INTEGRATE; only while not ``busy``.
    busy : ``Out(1)``
        From the cycle after ``start`` until the last call has been given.
    source, release : ``Out(range(MAX_SOURCES)), Out(1)``
        The one that is being read, and whether its places are freed.
    room : ``In(1)``
        All lanes have room; without it there is no call.
    inputs, spikes : ``Out(RingReader(parameters.spike))``
        The memory of inputs, and that of layers' spikes.
    call : ``Out(parameters.call)``, call_valid : ``Out(1)``
    load_kernels, load_rows, load_columns : ``In(LoadBus())``
        Of `Memory.ENTRIES`. Not while ``busy``.

    Notes
    -----
    Throughput: one spike a cycle. Latency: `latency` cycles from a word's reading to its call, `start_latency` from ``start``
    to the first reading. Calls wait in a queue of its own, so that the lanes' need few places for those on their way.
    """

    #: Places for calls that wait.
    QUEUE_DEPTH = 16

    #: Cycles from a cycle in which a word is read to its call: the word, its addresses, the tables, two sums, and the queue.
    latency = SpikeRing.latency + 1 + LoadableMemory.latency + 2 + Queue.latency

    #: Cycles from ``start`` to the first word's reading: the record of the source is looked up, and the ring starts.
    start_latency = SourceRecords.latency + 2

    #: Cycles from ``peek`` to ``peeked`` in all tables.
    peek_latency = LoadableMemory.peek_latency

    def __init__(self, parameters: ProcessorParameters):
        self._parameters, shape = parameters, parameters.shape
        super().__init__(
            {
                "start": In(1),
                "integration": In(INTEGRATION),
                "busy": Out(1),
                "source": Out(range(MAX_SOURCES)),
                "release": Out(1),
                "room": In(1),
                "inputs": Out(RingReader(parameters.spike)),
                "spikes": Out(RingReader(parameters.spike)),
                "call": Out(parameters.call),
                "call_valid": Out(1),
                "load_kernels": In(LoadBus(shape.value_bits)),
                "load_rows": In(LoadBus(shape.coordinate.bits)),
                "load_columns": In(LoadBus(shape.coordinate.bits)),
            }
        )

    @staticmethod
    def memories(parameters: ProcessorParameters) -> Memories:
        """Yield the memories of a dispatcher."""
        shape, style = parameters.shape, parameters.memory_style.shared
        yield _queue(parameters), 1
        yield LoadableMemory.description(bits=shape.value_bits, depth=shape.kernel_words, ports=1, style=style), 1
        yield LoadableMemory.description(bits=shape.coordinate.bits, depth=shape.coordinates, ports=1, style=style), 2

    def elaborate(self, platform: object) -> Module:
        m = Module()
        parameters, shape = self._parameters, self._parameters.shape
        coordinate, style = word_layout(shape.coordinate), parameters.memory_style.shared

        def table(name: str, bits: int, depth: int, load: wiring.PureInterface) -> LoadableMemory:
            m.submodules[name] = memory = LoadableMemory(Memory.ENTRIES, bits=bits, depth=depth, style=style)
            wiring.connect(m, wiring.flipped(load), memory.load)
            return memory

        kernels = table("kernels", shape.value_bits, shape.kernel_words, self.load_kernels)
        rows = table("rows", shape.coordinate.bits, shape.coordinates, self.load_rows)
        columns = table("columns", shape.coordinate.bits, shape.coordinates, self.load_columns)

        m.submodules.queue = queue = _queue(parameters).create()

        # The source and where its spikes lie.
        integration, wait = Signal(INTEGRATION), Signal(range(SourceRecords.latency + 1))
        of_input, starts, idle, reads = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            self.source.eq(integration.source),
            self.release.eq(integration.release),
            of_input.eq(integration.source == 0),
            reads.eq(Mux(of_input, self.inputs.reads, self.spikes.reads)),
        ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += idle.eq(1)
                m.d.sync += wait.eq(SourceRecords.latency)
                with m.If(self.start):
                    m.d.sync += integration.eq(self.integration)
                    m.next = "LOOK UP"
            with m.State("LOOK UP"):
                m.d.sync += wait.eq(wait - 1)
                with m.If(wait == 0):
                    m.d.comb += starts.eq(1)
                    m.next = "READ"
            with m.State("READ"), m.If(~reads):
                m.next = "IDLE"
        for ring, chosen in ((self.inputs, of_input), (self.spikes, ~of_input)):
            m.d.comb += [ring.start.eq(starts & chosen), ring.release.eq(integration.release), ring.go.eq(queue.room)]

        # A word becomes addresses; beside the tables, its channel becomes that of its rows.
        there = Signal(LoadableMemory.latency + 3)  # a spike, by stage
        word, is_there = Signal(parameters.spike), Signal()
        row_address, column_address = Signal.like(rows.address[0]), Signal.like(columns.address[0])
        kernel_address = Signal.like(kernels.address[0])
        channel = Signal(shape.channel_bits)
        m.d.comb += [
            word.eq(Mux(of_input, self.inputs.word, self.spikes.word)),
            is_there.eq(Mux(of_input, self.inputs.valid, self.spikes.valid) & ~word.end),
            rows.address[0].eq(row_address),
            columns.address[0].eq(column_address),
            kernels.address[0].eq(kernel_address),
        ]
        m.d.sync += [
            there.eq(Cat(is_there, there)),
            row_address.eq(integration.rows + word.y),
            column_address.eq(integration.columns + word.x),
            kernel_address.eq(Cat(word.step, ~of_input)),
            channel.eq(word.channel),
        ]
        row_bits = shape.row_bits
        product, start_row = Signal(row_bits), Signal(row_bits)
        m.d.sync += [
            product.eq(channel[:row_bits] * integration.channel_rows[:row_bits]),
            start_row.eq(product + integration.row),
        ]

        # The sums.
        y, x = data.View(coordinate, rows.data[0]), data.View(coordinate, columns.data[0])
        place, first_row, seen = Signal(row_bits), Signal(row_bits), Signal()
        base, value = Signal(shape.potential_address_bits), Signal(shape.value_bits)
        m.d.sync += [
            place.eq(y.row + x.row),
            first_row.eq(start_row),
            seen.eq(y.seen & x.seen & there[LoadableMemory.latency]),
            base.eq(y.base + x.base),
            value.eq(kernels.data[0]),
        ]
        m.d.sync += [
            queue.push.eq(seen),
            queue.i.row.eq(first_row + place),
            queue.i.base.eq(base),
            queue.i.value.eq(value),
        ]
        m.d.comb += [
            queue.announce.eq(is_there),
            queue.decline.eq(there[-1] & ~queue.push),
            queue.o.ready.eq(self.room),
            self.call.eq(queue.o.payload),
            self.call_valid.eq(queue.o.valid & self.room),
            self.busy.eq(~idle | there.any() | queue.holds),
        ]
        return m


def _queue(parameters: ProcessorParameters) -> MemoryDescription:
    """Return the queue of calls; the words that the ring is reading may still come when it has no more room."""
    return Queue.description(
        parameters.call, depth=Dispatcher.QUEUE_DEPTH, slack=SpikeRing.latency, style=parameters.memory_style
    )
