"""The link's parts: whatever bytes come, the engine gets whole inferences, and its memories the words of the blocks."""

from amaranth.hdl import Cat, Mux, Signal, Value

from firstspike_hw.lib.layouts import input_layout
from firstspike_hw.link.core.spike_decoder import SpikeDecoder
from firstspike_hw.link.memory_access import MemoryAccess
from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.shapes import LayerShape, OutputShape
from firstspike_spec.protocol.messages import BLOCK_HEAD

from ...levels import THOROUGH
from .proof import Proof
from .test_streams import between, transfers

LAYER = LayerShape(5, 1, 1, 3, 8, 8, 3, 4)
SHAPE = EngineShape((LAYER,), OutputShape(LAYER.address_bits, 4, 4, 4), spikes_per_token=1, time_steps=3)


def test_spike_decoder(tmp_path):
    """Whatever the bytes of a code are, it gives its ends, no more and no fewer, and a step's spikes ascend."""
    proof, dut = Proof(), SpikeDecoder(SHAPE.source_bits, input_layout(SHAPE))
    m = proof.m
    between(proof, dut)
    last_step = proof.constant(8, "last_step")
    m.d.comb += dut.last_step.eq(last_step)
    proof.assume(last_step < 3, "few steps")

    began, over, ends, ended = Signal(), Signal(), Signal(8), Signal(8)
    before, is_first = Signal(SHAPE.source_bits), Signal(init=1)
    m.d.comb += ended.eq(ends + (dut.o.valid & dut.o.p.end))
    with m.If(dut.i.valid):
        m.d.sync += began.eq(1)
    with m.If(transfers(dut.i)):
        m.d.sync += over.eq(dut.i.p.last)
    with m.If(transfers(dut.o)):
        m.d.sync += [ends.eq(ended), before.eq(dut.o.p.address_0), is_first.eq(dut.o.p.end)]
    with m.If(dut.done):
        m.d.sync += [over.eq(0), ends.eq(0)]
        with m.If(dut.o.valid & ~dut.o.ready):
            m.d.sync += ends.eq(-1)  # the end that is on offer still belongs to the code before

    proof.hold(~dut.o.valid | began, "nothing without a code")
    proof.hold(~dut.o.valid | (dut.o.p.end ^ dut.o.p.valid_0), "one of two")
    proof.hold(ended.as_signed() <= (last_step + 1), "ends")
    proof.hold(~dut.done | (over & (ended == last_step + 1)), "all ends")
    proof.hold(~(transfers(dut.i) & over), "one code after the other")
    spike = dut.o.valid & dut.o.p.valid_0
    proof.hold(~spike | ~dut.o.p.address_0.all(), "nobody's")
    proof.hold(~spike | is_first | (dut.o.p.address_0 > before), "ascending")
    proof.reach(dut.done & dut.wrong & (ended == 3), "wrong")
    proof.reach(dut.done & ~dut.wrong & (ended == 2), "right")
    proof.reach(spike & (dut.o.p.address_0 == 18), "long gap")
    proof.run(tmp_path, depth=20 if THOROUGH else 12)


def test_memory_access(tmp_path):
    """Each word of a block is written once, where it belongs, before the next byte is taken; nothing else is."""
    proof, dut = Proof(), MemoryAccess()
    m = proof.m
    m.submodules.dut = dut
    proof.send(dut.i, "i")
    proof.receive(dut.load, "load")

    head_bytes = sum(BLOCK_HEAD.values())
    at, place, word = Signal(4), Signal(3), Signal(32)
    fields = {name: Signal(8 * count, name=f"head_{name}") for name, count in BLOCK_HEAD.items()}
    head, word_bytes = Cat(fields.values()), fields["word_bytes"]
    expected, address, wrong, over = Signal(), Signal(24), Signal(), Signal()
    legal = (word_bytes > 0) & (word_bytes <= 4)
    with m.If(transfers(dut.load)):
        m.d.sync += [expected.eq(0), address.eq(address + 1)]
    with m.If(transfers(dut.i)):
        m.d.sync += over.eq(dut.i.p.last)
        with m.If(at < head_bytes):
            m.d.sync += [at.eq(at + 1), head.eq(Cat(head[8:], dut.i.p.data)), place.eq(0)]
            m.d.sync += [address.eq(Cat(head[-16:], dut.i.p.data)), wrong.eq(at != head_bytes - 1)]
        with m.Elif(legal):
            whole = place == word_bytes - 1
            m.d.sync += [place.eq(Mux(whole, 0, place + 1)), expected.eq(whole), wrong.eq(~whole)]
            m.d.sync += word.eq(Mux(place == 0, dut.i.p.data, word | (dut.i.p.data << (place << 3))[:32]))
        with m.Else():
            m.d.sync += wrong.eq(1)
    with m.If(dut.done):
        m.d.sync += [at.eq(0), over.eq(0)]
    load = dut.load.p
    same = Cat(load.layer, load.lane, load.memory) == Cat(
        *(fields[name][: len(Value.cast(load[name]))] for name in ("layer", "lane", "memory"))
    )
    one_step = (load.memory == Memory.TIME_STEPS) & (word[:8] == 1)
    proof.hold(dut.load.valid == expected, "when")
    proof.hold(~expected | (same & (load.address == address[: len(load.address)])), "where")
    proof.hold(~expected | one_step | (load.data == word), "what")
    proof.hold(~(expected & (load.memory == Memory.TIME_STEPS)) | (load.data[:8] != 1), "never a single step")
    proof.hold(~(expected | over) | ~transfers(dut.i), "before the next byte")
    proof.hold(~dut.peek, "nothing is read")
    proof.hold(~dut.done | (over & ~expected & (dut.wrong == wrong)), "done")
    proof.reach(transfers(dut.load) & (address[:4] == 2) & (fields["address"][:4] == 1) & (word_bytes == 1), "second word")
    proof.run(tmp_path, depth=14)
