"""An engine or a processor and its link: bytes in, bytes out."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.network.encoder import MIN_TIME_STEPS
from firstspike_spec.protocol.messages import BUFFER_BYTES, COUNTER_BYTES, HEAD_BYTES, Identity, Status

from ..chain.engine import COUNTERS
from ..memory.style import GENERIC_MEMORY, MemoryStyle
from .arbiter import Arbiter
from .commander import Commander
from .core.cores import core_of, probes
from .frame_receiver import FrameReceiver
from .frame_sender import FrameSender
from .memory_access import MemoryAccess
from .result_sender import ResultSender

#: Images between the commander and the first byte of their answers.
_IMAGES = 4


class LinkedEngine(wiring.Component):
    """Runs images and loads networks as messages request it (`firstspike_spec.protocol.messages`).

    Whatever bytes come, each intact request is answered once, damaged ones are reported, and the engine goes on. The host must
    keep its unanswered requests within the buffer; a request that has no room is lost and reported.

    Parameters
    ----------
    identity : Identity
        Its shape says what is linked. Without a digest, it holds no network at power-up. Its ``buffer_bytes`` must be a power
        of two.
    contents : EngineContents, optional
        The memories' contents at power-up, for an engine; the identity must have their digest.
    memory_style : MemoryStyle
        What the FPGA's memories are made of.

    Members
    -------
    i : ``In(stream.Signature(8, always_ready=True))``
    o : ``Out(stream.Signature(8))``
    loaded : ``Out(1)``
        A network is loaded.
    busy : ``Out(1)``
        A request is being carried out. The last bytes of its answer may be sent after that.
    lost : ``Out(1)``
        High for one cycle when a frame was damaged or had no room.
    probe_0, probe_1, ... : ``Out(stream.Signature(..., always_ready=True))``
        Those of the `Engine` or the `Processor`.
    """

    def __init__(
        self, identity: Identity, contents: EngineContents | None = None, *, memory_style: MemoryStyle = GENERIC_MEMORY
    ):
        if (contents.digest if contents else "") != identity.digest:
            raise ValueError("identity.digest must be that of the contents")
        if identity.buffer_bytes.bit_count() != 1:
            raise ValueError(f"buffer_bytes must be a power of two, {BUFFER_BYTES[0]} or more, not {identity.buffer_bytes}")
        self._identity, self._contents, self._memory_style = identity, contents, memory_style
        super().__init__(
            {
                "i": In(stream.Signature(8, always_ready=True)),
                "o": Out(stream.Signature(8)),
                "loaded": Out(1),
                "busy": Out(1),
                "lost": Out(1),
                **probes(identity.shape),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape, contents = self._identity.shape, self._contents
        last_step = (contents.network.time_steps if contents else MIN_TIME_STEPS) - 1  # as in the engine

        m.submodules.receiver = receiver = FrameReceiver(self._identity.buffer_bytes.bit_length() - 1)
        m.submodules.commander = commander = Commander(self._identity)
        m.submodules.access = access = MemoryAccess(last_step)
        m.submodules.core = core = core_of(shape, contents, self._memory_style)
        clear = Signal()  # the reset reaches all of the engine, so it begins at a register
        m.d.sync += clear.eq(commander.clear)
        m.submodules.results = results = ResultSender()
        m.submodules.arbiter = arbiter = Arbiter()
        m.submodules.sender = sender = FrameSender()

        # The path of an image and of its answer.
        wiring.connect(m, wiring.flipped(self.i), receiver.i)
        wiring.connect(m, receiver.o, commander.i)
        wiring.connect(m, commander.codes, core.codes)
        wiring.connect(m, core.o, results.words)
        wiring.connect(m, results.o, arbiter.first)
        wiring.connect(m, commander.o, arbiter.second)
        wiring.connect(m, arbiter.o, sender.i)
        wiring.connect(m, sender.o, wiring.flipped(self.o))
        m.d.comb += [
            core.last_step.eq(access.last_step),
            core.early_exit.eq(commander.early_exit),
            core.clear.eq(clear),
        ]

        # What an answer waits for. There is at most one more status than heads, that of the answer being sent, so the second
        # queue cannot overflow.
        m.submodules.heads = heads = SyncFIFOBuffered(width=8, depth=HEAD_BYTES * _IMAGES)
        m.submodules.statuses = statuses = SyncFIFOBuffered(width=1, depth=_IMAGES + 1)
        images = Signal(range(_IMAGES + 2))  # those that have not been answered
        m.d.comb += [
            heads.w_data.eq(commander.heads.p.data),
            heads.w_en.eq(commander.heads.valid),
            commander.heads.ready.eq(heads.w_rdy),
            statuses.w_data.eq(core.wrong),
            statuses.w_en.eq(core.done),
        ]
        _connect_queue(m, heads, results.heads)
        _connect_queue(m, statuses, results.statuses)
        begins, ends = (path.valid & path.ready & path.p.last for path in (commander.heads, results.o))
        m.d.sync += images.eq(images + begins - ends)
        assert (Status.RIGHT, Status.WRONG_CODE) == (0, 1)

        # Loading and reading back.
        wiring.connect(m, commander.bodies, access.i)
        wiring.connect(m, access.load, core.load)
        wiring.connect(m, core.peeked, access.peeked)
        m.d.comb += [
            access.reads.eq(commander.reads),
            access.begin.eq(commander.begin),
            core.peek.eq(access.peek),
            commander.check.eq(access.check),
            commander.done.eq(access.done),
            commander.wrong.eq(access.wrong),
            commander.idle.eq(~core.busy & ~images.any()),
        ]

        # Counters: the engine's, and the link's.
        cycles = Signal(8 * COUNTER_BYTES)
        damaged, oversized = Signal(16), Signal(16)
        with m.If(clear):
            m.d.sync += [cycles.eq(0), damaged.eq(0), oversized.eq(0)]
        with m.Else():
            m.d.sync += [
                cycles.eq(cycles + 1),
                damaged.eq(damaged + receiver.damaged),
                oversized.eq(oversized + receiver.overflow),
            ]
        m.d.comb += [
            *(getattr(commander.counters, name).eq(getattr(core.counters, name)) for name in COUNTERS.members),
            commander.counters.cycles.eq(cycles),
            commander.counters.damaged_frames.eq(damaged),
            commander.counters.oversized_frames.eq(oversized),
            commander.damaged.eq(receiver.damaged),
            commander.oversized.eq(receiver.overflow),
            self.lost.eq(receiver.damaged | receiver.overflow),
            self.loaded.eq(commander.loaded),
            self.busy.eq(~commander.idle | ~commander.waiting),
        ]
        for name in probes(shape):
            wiring.connect(m, getattr(core, name), wiring.flipped(getattr(self, name)))
        return m


def _connect_queue(m: Module, queue: SyncFIFOBuffered, sink: stream.Interface) -> None:
    """Connect a queue's output to a stream."""
    m.d.comb += [sink.payload.eq(queue.r_data), sink.valid.eq(queue.r_rdy), queue.r_en.eq(sink.ready)]
