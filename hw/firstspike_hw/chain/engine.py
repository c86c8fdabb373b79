"""The engine: a chain of layers between an input gate and a read-out."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import LOAD_WORD, RESULT_WORD
from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.network.encoder import MIN_TIME_STEPS
from firstspike_spec.protocol.messages import COUNTER_BYTES

from ..lane.parameters import LayerParameters
from ..layer.layer import Layer
from ..layer.output_layer import OutputLayer
from ..layer.parameters import OutputParameters
from ..lib.delays import delayed
from ..lib.layouts import input_layout, token_layout, word_layout
from ..lib.skid_buffer import SkidBuffer
from ..lib.trees import any_of, count_ones, sum_of
from ..memory.description import Memories
from ..memory.style import GENERIC_MEMORY, MemoryStyle
from .input_gate import TIME_BITS, InputGate
from .readout import ReadOut

#: Totals since the last reset (`firstspike_spec.protocol.messages.COUNTERS`); each wraps around.
COUNTERS = data.StructLayout(
    dict.fromkeys(("busy_cycles", "stall_cycles", "spikes", "synaptic_operations"), 8 * COUNTER_BYTES)
)

#: Cycles from a lane's last sweep after a reset until its sum has been written, and some more.
AFTER_SWEEP = 32


def probes(shape: EngineShape) -> dict[str, Out]:
    """Return the members that show the tokens that enter each layer, the output layer being the last one."""
    source_bits = [layer.source_bits for layer in (*shape.layers, shape.output)]
    return {
        f"probe_{index}": Out(stream.Signature(token_layout(bits, shape.spikes_per_token), always_ready=True))
        for index, bits in enumerate(source_bits)
    }


class Engine(wiring.Component):
    """Runs a network: tokens in, first-spike latencies and classes out.

    A reset ends what is under way, and keeps the network.

    Parameters
    ----------
    shape : EngineShape
    contents : EngineContents, optional
        The network that it holds at power-up. Without one, load one first.
    memory_style : MemoryStyle
        What the FPGA's memories are made of.

    Members
    -------
    i : ``In(stream.Signature(input_layout(shape)))``
        For each inference: the input spikes of step 0, an end of step, those of step 1, an end, and so on, ``T`` ends in all.
    o : ``Out(stream.Signature(word_layout(RESULT_WORD)))``
        For each inference: reports of output neurons, then the decision.
    load : ``In(stream.Signature(word_layout(LOAD_WORD)))``
        A network's words. They are taken while no inference is under way, and not right after a reset; no inference begins
        while a word waits. If there is a pause between the words of a network, offer no image during it: it would run on half
        a network.
    peek : ``In(1)``
        The word on offer at ``load`` names a place to be read, not written.
    peeked : ``Out(stream.Signature(32, always_ready=True))``
        The words that were read, in order, `peek_latency` cycles later; zero for places where there is no memory.
    early_exit : ``In(1)``
        End each inference after the first step in which an output spiked. Change it only while not ``busy``.
    busy : ``Out(1)``
        An inference is under way.
    counters : ``Out(COUNTERS)``
    probe_0, probe_1, ... : ``Out(stream.Signature(token_layout(...), always_ready=True))``
        Copies of the tokens that enter each layer, to show the hidden spikes. Synthesis drops them where they are unused.
    """

    @staticmethod
    def peek_latency(shape: EngineShape) -> int:
        """Return the cycles from a peek's transfer at ``load`` to its word: those of the slowest layer, and two registers."""
        return 2 + max(_peek_latencies(shape))

    def __init__(
        self, shape: EngineShape, contents: EngineContents | None = None, *, memory_style: MemoryStyle = GENERIC_MEMORY
    ):
        if contents is not None and contents.shape != shape:
            raise ValueError(f"the contents are made for an engine of another shape, {contents.shape!r}")
        self._shape, self._contents, self._memory_style = shape, contents, memory_style
        super().__init__(
            {
                "i": In(stream.Signature(input_layout(shape))),
                "o": Out(stream.Signature(word_layout(RESULT_WORD))),
                "load": In(stream.Signature(word_layout(LOAD_WORD))),
                "peek": In(1),
                "peeked": Out(stream.Signature(32, always_ready=True)),
                "early_exit": In(1),
                "busy": Out(1),
                "counters": Out(COUNTERS),
                **probes(shape),
            }
        )

    @staticmethod
    def memories(shape: EngineShape, memory_style: MemoryStyle) -> Memories:
        """Yield the memories of an engine, except small ones, which are always in LUTs."""
        for index in range(len(shape.layers)):
            yield from Layer.memories(LayerParameters.of(shape, index, memory_style))
        yield from OutputLayer.memories(OutputParameters.of(shape, memory_style))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape, contents, style = self._shape, self._contents, self._memory_style

        m.submodules.input_gate = input_gate = InputGate(
            shape, time_steps=contents.network.time_steps if contents else MIN_TIME_STEPS
        )
        layers: list[Layer | OutputLayer] = []
        for index in range(len(shape.layers)):
            m.submodules[f"layer_{index}"] = layer = Layer(
                LayerParameters.of(shape, index, style),
                contents.banks[index] if contents else None,
                contents.address_tables[index] if contents else (),
            )
            layers.append(layer)
        m.submodules.output = output = OutputLayer(
            OutputParameters.of(shape, style),
            contents.output if contents else None,
            contents.address_tables[-1] if contents else (),
        )
        m.submodules.readout = readout = ReadOut(shape.output)
        layers.append(output)

        # The chain.
        wiring.connect(m, wiring.flipped(self.i), input_gate.i)
        before = input_gate.o
        for layer in layers:
            wiring.connect(m, before, layer.i)
            before = layer.o
        # The read-out waits until its words are taken; the output layer does not see that in the same cycle.
        m.submodules.verdicts = verdicts = SkidBuffer(before.payload.shape())
        wiring.connect(m, before, verdicts.i)
        wiring.connect(m, verdicts.o, readout.i)
        wiring.connect(m, readout.o, wiring.flipped(self.o))

        now = Signal(TIME_BITS)
        m.d.sync += now.eq(now + 1)
        m.d.comb += [
            input_gate.now.eq(now),
            readout.now.eq(now),
            readout.start_time.eq(input_gate.start_time),
            readout.early_exit.eq(self.early_exit),
            input_gate.finished.eq(readout.finished),
            input_gate.decided.eq(readout.decided),
            self.busy.eq(input_gate.started != readout.finished),
        ]

        # Loading: one register, then to all layers.
        word = Signal(word_layout(LOAD_WORD))
        word_valid = Signal()
        peeks = Signal(self.peek_latency(shape))  # one bit a word on its way
        on_the_way = Signal()  # a word is here, or in the lane groups
        # After a reset lanes renew all their sums; nothing can be loaded then.
        sweep = max((layer.lane_neurons for layer in shape.layers), default=0) + AFTER_SWEEP
        sweep_left, swept = Signal(range(sweep + 1), init=sweep), Signal()
        with m.If(~swept):
            m.d.sync += [sweep_left.eq(sweep_left - 1), swept.eq(sweep_left == 0)]
        m.d.comb += [self.load.ready.eq(~self.busy & swept), input_gate.hold.eq(self.load.valid | on_the_way)]
        taken = self.load.valid & self.load.ready
        m.d.sync += on_the_way.eq(taken | word_valid | peeks[0])
        m.d.sync += [
            word_valid.eq(taken & ~self.peek),
            word.eq(self.load.payload),
            peeks.eq(Cat(taken & self.peek, peeks)),
        ]
        m.d.comb += self.peeked.valid.eq(peeks[-1])
        m.d.comb += [input_gate.load.word.eq(word), input_gate.load.write.eq(word_valid)]
        latencies = _peek_latencies(shape)
        peeked = []
        for index, (layer, latency) in enumerate(zip(layers, latencies, strict=True)):
            mine = word.layer == index
            m.d.comb += [
                layer.load.word.eq(word),
                layer.load.write.eq(word_valid & mine),
                layer.load.peek.eq(peeks[0] & mine),
            ]
            peeked.append(delayed(m, layer.load.peeked, max(latencies) - latency))
        m.d.sync += self.peeked.payload.eq(any_of(peeked))

        # Probes and counters.
        entering = []
        for index, layer in enumerate(layers):
            probe = getattr(self, f"probe_{index}")
            m.d.comb += [probe.payload.eq(layer.i.payload), probe.valid.eq(layer.i.valid & layer.i.ready)]
            entering += [probe.valid & probe.p[f"valid_{port}"] for port in range(shape.spikes_per_token)]
        busy, stalls = Signal(), Signal()
        entered, spikes = Signal(len(entering) + 1), Signal(range(len(entering) + 2))
        operations = [Signal.like(layer.operations, name=f"operations_{index}") for index, layer in enumerate(layers)]
        all_operations = Signal.like(sum_of(operations))
        m.d.sync += [
            busy.eq(self.busy),
            stalls.eq(self.busy & self.i.valid & ~self.i.ready),
            entered.eq(Cat(*entering, readout.spike)),
            spikes.eq(count_ones(entered)),
            *(kept.eq(layer.operations) for kept, layer in zip(operations, layers, strict=True)),
            all_operations.eq(sum_of(operations)),
        ]
        m.d.sync += [
            self.counters.busy_cycles.eq(self.counters.busy_cycles + busy),
            self.counters.stall_cycles.eq(self.counters.stall_cycles + stalls),
            self.counters.spikes.eq(self.counters.spikes + spikes),
            self.counters.synaptic_operations.eq(self.counters.synaptic_operations + all_operations),
        ]
        return m


def _peek_latencies(shape: EngineShape) -> list[int]:
    return [*(Layer.peek_latency(layer) for layer in shape.layers), OutputLayer.peek_latency]
