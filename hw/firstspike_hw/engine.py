"""The engine: a chain of layers between an entrance and a read-out."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.compiler import EngineImage
from firstspike_spec.encoder import MIN_TIME_STEPS
from firstspike_spec.engine import EngineShape
from firstspike_spec.protocol import COUNTER_BYTES
from firstspike_spec.words import LOAD_WORD, RESULT_WORD

from .feeder import TIME_BITS, Feeder
from .layer import Layer
from .layouts import input_layout, token_layout, word_layout
from .readout import ReadOut
from .trees import any_of, count_ones

#: Totals since the last reset (`firstspike_spec.protocol.COUNTERS`); each wraps around.
COUNTERS = data.StructLayout(
    dict.fromkeys(("busy_cycles", "stall_cycles", "spikes", "synaptic_operations"), 8 * COUNTER_BYTES)
)


class Engine(wiring.Component):
    """Runs a network: tokens in, first-spike latencies and classes out.

    A reset ends what is under way, and keeps the network.

    Parameters
    ----------
    shape : EngineShape
    image : EngineImage, optional
        The network that it holds at power-up. Without one, load one first.

    Members
    -------
    i : ``In(stream.Signature(input_layout(shape.layers[0])))``
        For each inference: the input spikes of step 0, an end of step, those of step 1, an end, and so on, ``T`` ends in all.
    o : ``Out(stream.Signature(word_layout(RESULT_WORD)))``
        For each inference: reports of output neurons, then the decision.
    load : ``In(stream.Signature(word_layout(LOAD_WORD)))``
        A network's words. They are taken while no inference is under way, and none begins while a word waits. Whoever
        pauses between the words of a network must not offer an image meanwhile: it would run on half a network.
    peek : ``In(1)``
        The word on offer at ``load`` tells of one that is to be read, not written.
    peeked : ``Out(stream.Signature(32, always_ready=True))``
        The words that were read, in order, `peek_latency` cycles later; zero from where there is no memory.
    early_exit : ``In(1)``
        End each inference after the first step in which an output spiked. Change it only while not ``busy``.
    busy : ``Out(1)``
        An inference is under way.
    counters : ``Out(COUNTERS)``
    tap_0, tap_1, ... : ``Out(stream.Signature(token_layout(...), always_ready=True))``
        Copies of the tokens that enter each layer, for whoever wants to see the hidden spikes. Synthesis drops them
        where nobody does.
    """

    #: Cycles from a peek's transfer at ``load`` to its word.
    peek_latency = 4

    def __init__(self, shape: EngineShape, image: EngineImage | None = None):
        if image is not None and image.shape != shape:
            raise ValueError(f"The image is made for an engine of another shape, {image.shape!r}")
        self._shape, self._image = shape, image
        taps = {
            f"tap_{index}": Out(stream.Signature(token_layout(layer.source_bits), always_ready=True))
            for index, layer in enumerate(shape.layers)
        }
        super().__init__(
            {
                "i": In(stream.Signature(input_layout(shape.layers[0]))),
                "o": Out(stream.Signature(word_layout(RESULT_WORD))),
                "load": In(stream.Signature(word_layout(LOAD_WORD))),
                "peek": In(1),
                "peeked": Out(stream.Signature(32, always_ready=True)),
                "early_exit": In(1),
                "busy": Out(1),
                "counters": Out(COUNTERS),
                **taps,
            }
        )

    def elaborate(self, platform):
        m = Module()
        shapes, image = self._shape.layers, self._image

        m.submodules.feeder = feeder = Feeder(shapes[0], time_steps=image.network.time_steps if image else MIN_TIME_STEPS)
        m.submodules.readout = readout = ReadOut(shapes[-1])
        layers = []
        for index, shape in enumerate(shapes):
            m.submodules[f"layer_{index}"] = layer = Layer(
                shape,
                queue_depth=self._shape.queue_depth,
                reports=index == len(shapes) - 1,
                images=image.lanes[index] if image else None,
            )
            layers.append(layer)

        # The chain.
        wiring.connect(m, wiring.flipped(self.i), feeder.i)
        before = feeder.o
        for layer in layers:
            wiring.connect(m, before, layer.i)
            before = layer.o
        wiring.connect(m, before, readout.i)
        wiring.connect(m, readout.o, wiring.flipped(self.o))

        now = Signal(TIME_BITS)
        m.d.sync += now.eq(now + 1)
        m.d.comb += [
            feeder.now.eq(now),
            readout.now.eq(now),
            readout.start_time.eq(feeder.start_time),
            readout.early_exit.eq(self.early_exit),
            feeder.judged.eq(readout.judged),
            feeder.decided.eq(readout.decided),
            self.busy.eq(feeder.started != readout.judged),
        ]

        # Loading: one register, then to all layers.
        word = Signal(word_layout(LOAD_WORD))
        word_valid = Signal()
        m.d.comb += [self.load.ready.eq(~self.busy), feeder.hold.eq(self.load.valid | word_valid)]
        taken = self.load.valid & self.load.ready
        peeks = Signal(self.peek_latency)  # one bit a word on its way
        m.d.sync += [
            word_valid.eq(taken & ~self.peek),
            word.eq(self.load.payload),
            peeks.eq(Cat(taken & self.peek, peeks)),
            self.peeked.payload.eq(any_of([layer.peeked for layer in layers])),
        ]
        m.d.comb += self.peeked.valid.eq(peeks[-1])
        for index, part in [(None, feeder), *enumerate(layers)]:
            chosen = word_valid if index is None else word_valid & (word.layer == index)
            m.d.comb += [part.load.payload.eq(word), part.load.valid.eq(chosen)]
        for index, layer in enumerate(layers):
            m.d.comb += layer.peek.eq(peeks[0] & (word.layer == index))

        # Taps and counters.
        entering = []
        for index, layer in enumerate(layers):
            tap = getattr(self, f"tap_{index}")
            m.d.comb += [tap.payload.eq(layer.i.payload), tap.valid.eq(layer.i.valid & layer.i.ready)]
            entering.append(tap.valid & ~tap.p.end)
        operations = layers[0].operations
        for layer in layers[1:]:
            operations = operations + layer.operations
        m.d.sync += [
            self.counters.busy_cycles.eq(self.counters.busy_cycles + self.busy),
            self.counters.stall_cycles.eq(self.counters.stall_cycles + (self.busy & self.i.valid & ~self.i.ready)),
            self.counters.spikes.eq(self.counters.spikes + count_ones(Cat(*entering, readout.spike))),
            self.counters.synaptic_operations.eq(self.counters.synaptic_operations + operations),
        ]
        return m
