"""The output layer: dense, with the potential of every neuron in a register of its own."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import LOAD_WORD, Memory
from firstspike_spec.compiler.contents import SliceContents
from firstspike_spec.compiler.shapes import OutputShape, index_bits

from ..lib.delays import delayed
from ..lib.layouts import token_layout, verdict_layout, word_layout
from ..lib.trees import any_of, count_ones, running_total, sum_of
from ..memory.dp16kd import blocks, has_dp16kd
from ..memory.loadable_memory import LoadableMemory
from .address_table import AddressTable, attach_address_table

#: What goes through the pipeline beside the weights: whether there is a token, and what it ends.
_MARKS = data.StructLayout({"taken": 1, "end": 1, "last": 1})


def slices_in_a_memory(shape: OutputShape, width: int, platform: object) -> int:
    """Return how many slices share a memory: two where an ECP5's blocks have a port for each and so do with fewer."""
    bits, rows = shape.weights.bits, shape.rows
    return 2 if has_dp16kd(platform) and width == 1 and blocks(bits, 2 * rows) < 2 * blocks(bits, rows) else 1


class OutputLayer(wiring.Component):
    """Adds the weights of each source that spikes to all potentials at once, and gives the verdicts of each step.

    A pipeline: weights, their sum, potential. At the end of a step the potentials are copied, and the verdicts are given
    out from the copies while the next step already accumulates. There is one set of copies: an end waits until the verdicts
    of the one before have been given out. Spikes without an end do not wait.

    Parameters
    ----------
    shape : OutputShape
    width : int
        Spikes that a token has room for.
    slices : sequence of SliceContents, optional
        What the memories hold at power-up; nothing by default.
    locations : iterable of int, optional
        What the address table holds at power-up, where the shape has one.

    Members
    -------
    i : ``In(stream.Signature(token_layout(shape.source_bits, width)))``
    o : ``Out(stream.Signature(verdict_layout(shape.address_bits, shape.potential_bits)))``
        The verdicts of each step by rising address, then its end. With an end, address, potential and ``fired`` mean nothing.
    operations : ``Out(range(width * shape.neurons + 1))``
        Synaptic operations done, weights other than 0 that were added: told some cycles later, each of them once.
    load : ``In(stream.Signature(word_layout(LOAD_WORD), always_ready=True))``
        Words for this layer (their ``layer`` is not looked at); ``lane`` is the number of a slice, or the next one for the
        address_table. Not while an inference is under way, nor in the cycle before.
    peek : ``In(1)``
        Read the word at ``load``'s place back; under the same conditions, and not while ``load`` is valid.
    peeked : ``Out(32)``
        The word read so, `peek_latency` cycles later; 0 in all other cycles, and for other kinds of words.

    Notes
    -----
    Latency: `latency` cycles from a step's end to its first verdict, or to the end itself if it has none. Throughput: one
    token a cycle, one verdict a cycle, and an end every `end_interval` cycles, with one cycle more for each verdict.

    A reset ends the inference and keeps what was loaded.
    """

    #: Cycles from the transfer of a step's end to ``o.valid``.
    latency = LoadableMemory.latency + 5

    #: Cycles from the transfer of the end of a step that has no verdicts to that of the next end.
    end_interval = LoadableMemory.latency + 4

    #: Cycles from a peek to its word.
    peek_latency = LoadableMemory.peek_latency + 2

    def __init__(
        self,
        shape: OutputShape,
        *,
        width: int,
        slices: Sequence[SliceContents] | None = None,
        locations: Iterable[int] = (),
    ):
        self._shape, self._width, self._locations = shape, width, locations
        self._slices = slices or [None] * shape.slices
        super().__init__(
            {
                "i": In(stream.Signature(token_layout(shape.source_bits, width))),
                "o": Out(stream.Signature(verdict_layout(shape.address_bits, shape.potential_bits))),
                "operations": Out(range(width * shape.neurons + 1)),
                "load": In(stream.Signature(word_layout(LOAD_WORD), always_ready=True)),
                "peek": In(1),
                "peeked": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tokens, located = self.i, []
        if self._shape.address_table:
            m.submodules.address_table = address_table = AddressTable(
                self._shape.address_table, self._shape.source_bits, width=self._width, locations=self._locations
            )
            tokens = attach_address_table(m, address_table, self, lane=self._shape.slices)
            located = [delayed(m, address_table.peeked, self.peek_latency - AddressTable.peek_latency - 1)]
        token, taken = tokens.payload, Signal()
        ends = Signal()  # an end is on its way through the pipeline
        ending = Signal()  # its verdicts are given out from the copies
        m.d.comb += [tokens.ready.eq(~(token.end & (ends | ending))), taken.eq(tokens.valid & tokens.ready)]

        # Beside the weights, their sums and the potentials.
        marks = [Signal(_MARKS, name=f"marks_{number}") for number in range(LoadableMemory.latency + 2)]
        *_, read, summed, added = marks
        m.d.sync += [marks[0].taken.eq(taken), marks[0].end.eq(taken & token.end), marks[0].last.eq(token.last)]
        m.d.sync += [late.eq(early) for early, late in pairwise(marks)]
        with m.If(taken & token.end):
            m.d.sync += ends.eq(1)
        with m.If(added.end):
            m.d.sync += ends.eq(0)
        # The next token is an inference's first one. One is the opposite of the other: each goes to half of the slices.
        first, later = Signal(init=1), Signal()
        with m.If(summed.taken):
            m.d.sync += [first.eq(summed.end & summed.last), later.eq(~(summed.end & summed.last))]

        slices, potentials, left = [], [], self._shape.neurons
        together = slices_in_a_memory(self._shape, self._width, platform)
        for number in range(0, len(self._slices), together):
            images = self._slices[number : number + together]
            neurons = min(left, together * self._shape.slice_neurons)
            m.submodules[f"slice_{number}"] = part = _Slices(self._shape, neurons, self._width, images)
            mine = self.load.p.lane[len(images) - 1 :] == number // len(images)
            m.d.comb += [
                part.token.eq(token),
                part.read.eq(read.taken),
                part.first.eq(~later if number // together % 2 else first),
                part.load.payload.eq(self.load.payload),
                part.load.valid.eq(self.load.valid & mine),
                part.peek.eq(self.peek & mine),
            ]
            slices.append(part)
            potentials += part.potentials
            left -= neurons
        m.d.sync += self.peeked.eq(any_of([*(part.peeked for part in slices), *located]))

        # Nobody asks which token an operation was for.
        parts = [(part.operations, self._width * len(part.potentials)) for part in slices]
        m.d.comb += self.operations.eq(running_total(m, parts))

        self._give_verdicts(m, potentials, added, ending)
        return m

    def _give_verdicts(self, m: Module, potentials: list[Signal], marks: Signal, ending: Signal) -> None:
        """Copy the potentials that a step leaves, and give its verdicts out while ``ending``."""
        neurons = self._shape.neurons
        above, spiked = Signal(neurons), Signal(neurons)
        copies = [Signal.like(potential, name=f"copy_{at}", reset_less=True) for at, potential in enumerate(potentials)]
        pending, pending_last = Signal(neurons + 1), Signal()  # by neuron; behind them the end
        others = Signal.like(pending)
        m.d.comb += [
            above.eq(Cat(~potential[-1] for potential in potentials)),
            others.eq(pending & (pending - 1)),
            ending.eq(pending[-1]),
        ]

        # First the lowest one is chosen, then its potential.
        chosen, chosen_last, chooses = Signal.like(pending), Signal(), Signal()
        fits = ~self.o.valid | self.o.ready
        with m.If(fits):
            m.d.sync += [
                chooses.eq(ending),
                chosen.eq(pending & ~others),
                chosen_last.eq(pending_last),
                pending.eq(others),
            ]
        with m.If(marks.end):
            m.d.sync += [
                pending.eq(Cat(~spiked & (above | marks.last.replicate(neurons)), 1)),
                pending_last.eq(marks.last),
                spiked.eq(Mux(marks.last, 0, spiked | above)),
                *(copy.eq(potential) for copy, potential in zip(copies, potentials, strict=True)),
            ]

        potential = Signal(self._shape.potential_bits)
        m.d.comb += potential.eq(any_of([Mux(chosen[number], copy.as_unsigned(), 0) for number, copy in enumerate(copies)]))
        with m.If(fits):
            m.d.sync += [
                self.o.valid.eq(chooses),
                self.o.p.address.eq(any_of([Mux(chosen[number], number, 0) for number in range(neurons)])),
                self.o.p.potential.eq(potential),
                self.o.p.fired.eq(~potential[-1]),
                self.o.p.end.eq(chosen[-1]),
                self.o.p.last.eq(chosen[-1] & chosen_last),
            ]


class _Slices(wiring.Component):
    """Some neurons of the output layer: their potentials, and one memory with their weights, one word a slice and source.

    Parameters
    ----------
    shape : OutputShape
    neurons : int
        At most ``shape.slice_neurons`` for each slice.
    width : int
    images : sequence of SliceContents or None
        Of one slice; or of two, the first of which has an even number: their weights lie one behind the other, and are read at
        a port each.

    Members
    -------
    token : ``In(token_layout(shape.row_bits, width))``
    read : ``In(1)``
        The token of ``LoadableMemory.latency`` cycles ago was one.
    first : ``In(1)``
        The token of one cycle before that, if it was one, is the first of an inference: it takes the initial potentials in
        place of what was there before.
    potentials : ``Out(signed(shape.potential_bits)).array(neurons)``
        They have the weights of the token of ``LoadableMemory.latency + 2`` cycles ago in them.
    operations : ``Out(range(width * neurons + 1))``
    load, peek : as in `OutputLayer`
        For these slices.
    peeked : ``Out(32)``
        As in `OutputLayer`, one cycle earlier.
    """

    def __init__(self, shape: OutputShape, neurons: int, width: int, images: Sequence[SliceContents | None]):
        self._shape, self._neurons, self._width, self._images = shape, neurons, width, images
        super().__init__(
            {
                "token": In(token_layout(shape.row_bits, width)),
                "read": In(1),
                "first": In(1),
                "potentials": Out(signed(shape.potential_bits)).array(neurons),
                "operations": Out(range(width * neurons + 1)),
                "load": In(stream.Signature(word_layout(LOAD_WORD), always_ready=True)),
                "peek": In(1),
                "peeked": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        shape, width, count = self._shape, self._width, len(self._images)
        m.submodules.weights = weights = LoadableMemory(
            Memory.ENTRIES,
            bits=shape.weights.bits,
            depth=count * shape.rows,
            init=[word for image in self._images if image for word in image.weights],
            ports=count * width,
        )
        m.d.comb += [
            weights.load.payload.eq(self.load.payload),
            weights.load.p.address.eq(Cat(self.load.p.address[: shape.row_bits], self.load.p.lane[: count - 1])),
            weights.load.valid.eq(self.load.valid),
            weights.peek.eq(self.peek),
        ]
        starts, start_peeked = self._loaded(m)
        m.d.sync += self.peeked.eq(weights.peeked | start_peeked)

        for port in range(width):
            # The address of all ones is nobody's: its weights are 0.
            absent = ~self.token[f"valid_{port}"]
            row = self.token[f"address_{port}"] | absent.replicate(shape.row_bits)
            m.d.comb += [weights.address[part * width + port].eq(Cat(row, Const(part, count - 1))) for part in range(count)]
        words = [data.View(word_layout(shape.weights), word) for word in weights.data]
        added = Signal(width * self._neurons, reset_less=True)  # by neuron and port: a weight other than 0
        m.d.sync += [added.eq(0), self.operations.eq(count_ones(added))]
        for number, start in enumerate(starts):
            part, place = divmod(number, shape.slice_neurons)
            terms = [word[f"weight_{place}"] for word in words[part * width : (part + 1) * width]]
            total = Signal(signed(shape.weight_bits + width - 1), name=f"total_{number}", reset_less=True)
            potential = Signal(signed(shape.potential_bits), name=f"potential_{number}", reset_less=True)
            m.d.sync += [total.eq(0), potential.eq(Mux(self.first, start, potential) + total)]
            m.d.comb += self.potentials[number].eq(potential)
            with m.If(self.read):
                m.d.sync += [
                    total.eq(sum_of(terms)),
                    added.word_select(number, width).eq(Cat(term.any() for term in terms)),
                ]
        return m

    def _loaded(self, m: Module) -> tuple[list[Signal], Signal]:
        """Load the initial potentials and peek at them; return them, and what they show of a peek.

        All begins with a register, so that the choice of the slice is not in the way of its addresses. A reset does not touch
        any of this.
        """
        bits, neurons = self._shape.potential_bits, self._neurons
        load = Signal(self.load.payload.shape(), reset_less=True)
        loads, peeks = Signal(reset_less=True), Signal(reset_less=True)
        m.d.sync += [load.eq(self.load.payload), loads.eq(self.load.valid), peeks.eq(self.peek)]

        word, found, shown = Signal(bits, reset_less=True), Signal(bits), Signal(bits)
        writes, shows = Signal(neurons, reset_less=True), Signal(neurons, reset_less=True)
        slice_neurons = self._shape.slice_neurons
        place_bits = index_bits(slice_neurons)
        address = Cat(load.address[:place_bits], load.lane[: len(self._images) - 1])
        numbers = [number // slice_neurons << place_bits | number % slice_neurons for number in range(neurons)]
        here = Cat((load.memory == Memory.INITIAL_POTENTIALS) & (address == number) for number in numbers)
        m.d.sync += [word.eq(load.data), writes.eq(Mux(loads, here, 0)), shows.eq(Mux(peeks, here, 0))]
        given = [int(start) for image in self._images if image for start in image.initial_potentials]
        starts = []
        for number, init in enumerate(given or [0] * neurons):
            start = Signal(signed(bits), name=f"start_{number}", init=init, reset_less=True)
            with m.If(writes[number]):
                m.d.sync += start.eq(word)
            starts.append(start)
        m.d.sync += [
            found.eq(any_of([Mux(shows[number], start.as_unsigned(), 0) for number, start in enumerate(starts)])),
            shown.eq(found),  # with the weights' memory, which takes `peek_latency`
        ]
        return starts, shown
