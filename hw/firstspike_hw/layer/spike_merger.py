"""The spike merger: from the streams of a layer's lanes to the one token stream of the layer."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..lane.lane_stage import LaneStage
from ..lane.parameters import LayerParameters
from ..lib.layouts import lane_layout
from ..lib.skid_buffer import SkidBuffer
from ..lib.trees import lowest_set


class Merge(wiring.Component):
    """Makes one stream of several: spikes one at a time, and the end of a step once every input has ended it.

    Inputs need not be in the same step: an input that has ended the step waits with its end, and so cannot overtake the
    others.

    Parameters
    ----------
    neuron_bits : int
        Width of a spike's number, which consists of the neuron's and those of the inputs of merges before.
    inputs : int
    low_bits : int
        Bits of a spike's number above which the number of its input is put in.
    number_bits : int
        Width of the input's number.

    Members
    -------
    inputs : ``In(stream.Signature(lane_layout(neuron_bits))).array(inputs)``
        Each goes through a `LaneStage` first.
    o : ``Out(stream.Signature(lane_layout(neuron_bits + number_bits)))``
        A spike on offer may give way to one of another input until it is taken: the stage after it must allow that.

    Notes
    -----
    Latency: that of a `LaneStage`. Throughput: one spike or end a cycle, of one input in two cycles.
    """

    #: Cycles from a transfer to ``o.valid``.
    latency = LaneStage.latency

    def __init__(self, neuron_bits: int, *, inputs: int, low_bits: int, number_bits: int):
        self._neuron_bits, self._low_bits, self._number_bits = neuron_bits, low_bits, number_bits
        super().__init__(
            {
                "inputs": In(stream.Signature(lane_layout(neuron_bits))).array(inputs),
                "o": Out(stream.Signature(lane_layout(neuron_bits + number_bits))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        held = staged(m, self._neuron_bits, [wiring.flipped(part) for part in self.inputs])
        any_spike, lowest = lowest_set(m, Cat(part.p.spike for part in held))
        all_ended = Cat(part.p.end for part in held).all()
        chosen = Signal(range(len(held)))
        m.d.comb += chosen.eq(lowest)
        for number, part in enumerate(held):
            m.d.comb += part.ready.eq(self.o.ready & ((part.p.spike & (chosen == number)) | all_ended))
        spike = Array(part.p.neuron for part in held)[chosen]
        number = Signal(self._number_bits)
        m.d.comb += [
            number.eq(chosen),
            self.o.valid.eq(any_spike | all_ended),
            self.o.p.neuron.eq(Cat(spike[: self._low_bits], number, spike[self._low_bits :])),
            self.o.p.end.eq(all_ended),
            self.o.p.last.eq(held[0].p.last & all_ended),
        ]
        return m


def staged(m: Module, neuron_bits: int, streams: list[stream.Interface]) -> list[stream.Interface]:
    """Return each stream behind a new `LaneStage`."""
    held = []
    for number, source in enumerate(streams):
        m.submodules[f"stage_{number}"] = stage = LaneStage(neuron_bits)
        wiring.connect(m, source, stage.i)
        held.append(stage.o)
    return held


class SpikeMerger(wiring.Component):
    """Merges a layer's lanes, in a tree with as many roots as a token has spikes, and makes tokens of what the roots give.

    A lane gives at most one spike in two cycles, and so does each merge below the roots: several feed one of the next level.

    Parameters
    ----------
    parameters : LayerParameters

    Members
    -------
    lanes : ``In(stream.Signature(parameters.lane_spike)).array(shape.lanes)``
    o : ``Out(stream.Signature(parameters.output_token))``
        A neuron's address is its lane's number in the low bits, and its number within the lane above.

    Notes
    -----
    Latency: 1 cycle for each level of the tree (`levels`), and 2. Throughput: a full token a cycle, or an end.
    """

    def __init__(self, parameters: LayerParameters):
        self._parameters = parameters
        super().__init__(
            {
                "lanes": In(stream.Signature(parameters.lane_spike)).array(parameters.shape.lanes),
                "o": Out(stream.Signature(parameters.output_token)),
            }
        )

    @staticmethod
    def levels(lanes: int, roots: int) -> list[int]:
        """Return how many bits of a lane's number each level of the tree merges, the lowest level first."""
        bits: list[int] = []
        while lanes > roots:
            bits.append(1 if lanes <= 2 * roots else 2)
            lanes = -(-lanes // (1 << bits[-1]))
        return bits

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits, done = self._parameters.shape.neuron_bits, 0
        streams = [wiring.flipped(lane) for lane in self.lanes]
        levels = self.levels(len(streams), self._parameters.spikes_per_token)
        for level, number_bits in enumerate(levels):
            merged, inputs = [], 1 << number_bits
            for first in range(0, len(streams), inputs):
                group = streams[first : first + inputs]
                m.submodules[f"merge_{level}_{first // inputs}"] = merge = Merge(
                    bits, inputs=len(group), low_bits=done, number_bits=number_bits
                )
                for source, sink in zip(group, merge.inputs, strict=True):
                    wiring.connect(m, source, sink)
                merged.append(merge.o)
            streams, bits, done = merged, bits + number_bits, done + number_bits

        roots = []
        for number, source in enumerate(streams):
            m.submodules[f"root_{number}"] = root = SkidBuffer(lane_layout(bits)) if levels else LaneStage(bits)
            wiring.connect(m, source, root.i)
            roots.append(root.o)

        # The roots' numbers are the highest bits of the lane's number.
        m.submodules.skid_buffer = skid_buffer = SkidBuffer(self.o.payload.shape())
        wiring.connect(m, skid_buffer.o, wiring.flipped(self.o))
        number_bits = self._parameters.shape.lane_bits - done
        any_spike = Cat(part.valid & ~part.p.end for part in roots).any()
        all_ended = Cat(part.valid & part.p.end for part in roots).all()
        for port, part in enumerate(roots):
            m.d.comb += [
                skid_buffer.i.p[f"address_{port}"].eq(
                    Cat(part.p.neuron[:done], Const(port, number_bits), part.p.neuron[done:])
                ),
                skid_buffer.i.p[f"valid_{port}"].eq(part.valid & ~part.p.end),
                part.ready.eq(skid_buffer.i.ready & Mux(part.p.end, all_ended, 1)),
            ]
        m.d.comb += [
            skid_buffer.i.valid.eq(any_spike | all_ended),
            skid_buffer.i.p.end.eq(all_ended),
            skid_buffer.i.p.last.eq(all_ended & roots[0].p.last),
        ]
        return m
