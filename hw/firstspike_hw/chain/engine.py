"""The engine: a chain of layers between an entrance and a read-out."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import LOAD_WORD, RESULT_WORD
from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.network.encoder import MIN_TIME_STEPS
from firstspike_spec.protocol.messages import COUNTER_BYTES

from ..layer.layer import Layer
from ..layer.output_layer import OutputLayer
from ..lib.delays import delayed
from ..lib.layouts import input_layout, token_layout, word_layout
from ..lib.skid_buffer import SkidBuffer
from ..lib.trees import any_of, count_ones, sum_of
from .input_gate import TIME_BITS, InputGate
from .readout import ReadOut

#: Totals since the last reset (`firstspike_spec.protocol.messages.COUNTERS`); each wraps around.
COUNTERS = data.StructLayout(
    dict.fromkeys(("busy_cycles", "stall_cycles", "spikes", "synaptic_operations"), 8 * COUNTER_BYTES)
)

#: Cycles from a lane's last sweep, after a reset, to when its sum has been written, and some more.
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
    image : EngineContents, optional
        The network that it holds at power-up. Without one, load one first.

    Members
    -------
    i : ``In(stream.Signature(input_layout(shape)))``
        For each inference: the input spikes of step 0, an end of step, those of step 1, an end, and so on, ``T`` ends in all.
    o : ``Out(stream.Signature(word_layout(RESULT_WORD)))``
        For each inference: reports of output neurons, then the decision.
    load : ``In(stream.Signature(word_layout(LOAD_WORD)))``
        A network's words. They are taken while no inference is under way, and not right after a reset; no inference begins
        while a word waits. Whoever pauses between the words of a network must not offer an image meanwhile: it would run on
        half a network.
    peek : ``In(1)``
        The word on offer at ``load`` tells of one that is to be read, not written.
    peeked : ``Out(stream.Signature(32, always_ready=True))``
        The words that were read, in order, `peek_latency` cycles later; zero from where there is no memory.
    early_exit : ``In(1)``
        End each inference after the first step in which an output spiked. Change it only while not ``busy``.
    busy : ``Out(1)``
        An inference is under way.
    counters : ``Out(COUNTERS)``
    probe_0, probe_1, ... : ``Out(stream.Signature(token_layout(...), always_ready=True))``
        Copies of the tokens that enter each layer, for whoever wants to see the hidden spikes. Synthesis drops them
        where nobody does.
    """

    @staticmethod
    def peek_latency(shape: EngineShape) -> int:
        """Return the cycles from a peek's transfer at ``load`` to its word: that of the slowest layer, and two registers."""
        return 2 + max(_peek_latencies(shape))

    def __init__(self, shape: EngineShape, image: EngineContents | None = None):
        if image is not None and image.shape != shape:
            raise ValueError(f"The image is made for an engine of another shape, {image.shape!r}")
        self._shape, self._image = shape, image
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

    def elaborate(self, platform):
        m = Module()
        shape, image = self._shape, self._image
        width = shape.spikes_per_token

        m.submodules.input_gate = input_gate = InputGate(
            shape, time_steps=image.network.time_steps if image else MIN_TIME_STEPS
        )
        layers = []
        for index, layer_shape in enumerate(shape.layers):
            m.submodules[f"layer_{index}"] = layer = Layer(
                layer_shape,
                width=width,
                time_steps=shape.time_steps,
                queue_depth=shape.queue_depth,
                images=image.banks[index] if image else None,
                locations=image.address_tables[index] if image else (),
            )
            layers.append(layer)
        m.submodules.output = output = OutputLayer(
            shape.output,
            width=width,
            slices=image.output if image else None,
            locations=image.address_tables[-1] if image else (),
        )
        m.submodules.readout = readout = ReadOut(shape.output)
        layers.append(output)

        # The chain.
        wiring.connect(m, wiring.flipped(self.i), input_gate.i)
        before = input_gate.o
        for layer in layers:
            wiring.connect(m, before, layer.i)
            before = layer.o
        # The read-out waits for whoever takes its words; the output layer does not see that in the same cycle.
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
            input_gate.judged.eq(readout.judged),
            input_gate.decided.eq(readout.decided),
            self.busy.eq(input_gate.started != readout.judged),
        ]

        # Loading: one register, then to all layers.
        word = Signal(word_layout(LOAD_WORD))
        word_valid = Signal()
        peeks = Signal(self.peek_latency(shape))  # one bit a word on its way
        on_the_way = Signal()  # a word is here, or in the lane groups
        # After a reset lanes renew all their sums, and that is no time to load.
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
        for index, part in [(None, input_gate), *enumerate(layers)]:
            chosen = word_valid if index is None else word_valid & (word.layer == index)
            m.d.comb += [part.load.payload.eq(word), part.load.valid.eq(chosen)]
        latencies = _peek_latencies(shape)
        peeked = []
        for index, (layer, latency) in enumerate(zip(layers, latencies, strict=True)):
            m.d.comb += layer.peek.eq(peeks[0] & (word.layer == index))
            peeked.append(delayed(m, layer.peeked, max(latencies) - latency))
        m.d.sync += self.peeked.payload.eq(any_of(peeked))

        # Probes and counters.
        entering = []
        for index, layer in enumerate(layers):
            probe = getattr(self, f"probe_{index}")
            m.d.comb += [probe.payload.eq(layer.i.payload), probe.valid.eq(layer.i.valid & layer.i.ready)]
            entering += [probe.valid & probe.p[f"valid_{port}"] for port in range(width)]
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
