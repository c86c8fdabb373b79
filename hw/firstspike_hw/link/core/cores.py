"""What the link is joined to: an engine or a processor, which take images' codes and give result words."""

from collections.abc import Mapping

from amaranth.hdl import Module, ResetInserter
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import LOAD_WORD, RESULT_WORD
from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.shapes import index_bits
from firstspike_spec.processor.shape import ProcessorShape
from firstspike_spec.protocol.shapes import Shape

from ...chain.engine import COUNTERS, Engine
from ...chain.engine import probes as engine_probes
from ...chain.input_gate import TIME_BITS
from ...lib.layouts import FRAME_BYTE, input_layout, word_layout
from ...memory.style import MemoryStyle
from ...processor.parameters import ProcessorParameters
from ...processor.processor import Processor
from ...processor.processor import probes as processor_probes
from .spike_decoder import SpikeDecoder
from .spike_placer import SpikePlacer
from .word_queue import ResultBits, WordQueue

#: Result words that can wait for the link: in most networks, all those of an image.
_WORDS = 16


def probes(shape: Shape) -> dict[str, wiring.Member]:
    """Return the members that show the spikes inside."""
    return processor_probes(shape) if isinstance(shape, ProcessorShape) else engine_probes(shape)


def core_of(shape: Shape, contents: EngineContents | None, memory_style: MemoryStyle) -> "EngineCore | ProcessorCore":
    """Return the core of a shape, perhaps with a network at power-up, which only an engine can have."""
    if isinstance(shape, ProcessorShape):
        return ProcessorCore(ProcessorParameters(shape, memory_style))
    return EngineCore(shape, contents, memory_style)


def _members(more: Mapping[str, wiring.Member]) -> dict[str, wiring.Member]:
    """Return the members of a core.

    Members
    -------
    codes : ``In(stream.Signature(FRAME_BYTE))``
        One image's code after another, as for a `SpikeDecoder`.
    last_step : ``In(8)``, early_exit : ``In(1)``
        ``T - 1`` of the inputs, and whether inferences end early; a processor does not know early exit. They change only
        while there is no image.
    clear : ``In(1)``
        Resets the engine or the processor, which keep their network. Not while there is an image.
    done, wrong : ``Out(1)``
        A code has been read, as for a `SpikeDecoder`.
    o : ``Out(stream.Signature(word_layout(RESULT_WORD)))``
    load, peek, peeked, busy, counters
        As of the `Engine` and the `Processor`.
    probe_0, ... : as of `probes`
    """
    return {
        "codes": In(stream.Signature(FRAME_BYTE)),
        "last_step": In(8),
        "early_exit": In(1),
        "clear": In(1),
        "done": Out(1),
        "wrong": Out(1),
        "o": Out(stream.Signature(word_layout(RESULT_WORD))),
        "load": In(stream.Signature(word_layout(LOAD_WORD))),
        "peek": In(1),
        "peeked": Out(stream.Signature(32, always_ready=True)),
        "busy": Out(1),
        "counters": Out(COUNTERS),
        **more,
    }


class EngineCore(wiring.Component):
    """A chain of layers, behind a decoder of images' codes.

    Parameters
    ----------
    shape : EngineShape
    contents : EngineContents, optional
    memory_style : MemoryStyle

    Members
    -------
    As of `_members`.
    """

    def __init__(self, shape: EngineShape, contents: EngineContents | None, memory_style: MemoryStyle):
        self._shape, self._contents, self._memory_style = shape, contents, memory_style
        super().__init__(_members(probes(shape)))

    def elaborate(self, platform: object) -> Module:
        m, shape = Module(), self._shape
        engine = Engine(shape, self._contents, memory_style=self._memory_style)
        m.submodules.decoder = decoder = SpikeDecoder(shape.source_bits, input_layout(shape))
        kept = ResultBits(
            # A report's potential, which is signed, or a decision's number of cycles, which is not.
            value=max(TIME_BITS, shape.output.potential_bits),
            neuron=shape.output.address_bits,
            step=index_bits(shape.time_steps),
        )
        _connect(m, self, decoder, engine, kept)
        wiring.connect(m, decoder.o, engine.i)
        m.d.comb += engine.early_exit.eq(self.early_exit)
        return m


class ProcessorCore(wiring.Component):
    """A processor, behind a decoder of images' codes that finds each input's place in its map.

    Parameters
    ----------
    parameters : ProcessorParameters

    Members
    -------
    As of `_members`.
    """

    def __init__(self, parameters: ProcessorParameters):
        self._parameters = parameters
        super().__init__(_members(probes(parameters.shape)))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        processor = Processor(self._parameters)
        m.submodules.placer = placer = SpikePlacer(self._parameters.spike)
        m.submodules.decoder = decoder = SpikeDecoder(SpikePlacer.source_bits, placer.i.payload.shape(), limited=True)
        bits = word_layout(RESULT_WORD)
        kept = ResultBits(**{name: bits[name].width for name in ("value", "neuron", "step")})
        _connect(m, self, decoder, processor, kept)
        wiring.connect(m, decoder.o, placer.i)
        wiring.connect(m, placer.o, processor.i)
        m.d.comb += [
            decoder.last_source.eq(processor.input_format.last_input),
            placer.input_format.eq(processor.input_format),
            placer.last_step.eq(self.last_step),
        ]
        return m


def _connect(
    m: Module, core: "EngineCore | ProcessorCore", decoder: SpikeDecoder, inner: Engine | Processor, kept: ResultBits
) -> None:
    """Connect what an engine and a processor have in common, and queue their results, which wait for the link here."""
    m.submodules.inner = ResetInserter(core.clear)(inner)
    m.submodules.words = words = WordQueue(kept, depth=_WORDS)
    wiring.connect(m, wiring.flipped(core.codes), decoder.i)
    wiring.connect(m, inner.o, words.i)
    wiring.connect(m, words.o, wiring.flipped(core.o))
    wiring.connect(m, wiring.flipped(core.load), inner.load)
    wiring.connect(m, inner.peeked, wiring.flipped(core.peeked))
    m.d.comb += [
        decoder.last_step.eq(core.last_step),
        core.done.eq(decoder.done),
        core.wrong.eq(decoder.wrong),
        inner.peek.eq(core.peek),
        core.busy.eq(inner.busy),
        core.counters.eq(inner.counters),
    ]
    for name in core.signature.members:
        if name.startswith("probe_"):
            wiring.connect(m, getattr(inner, name), wiring.flipped(getattr(core, name)))
