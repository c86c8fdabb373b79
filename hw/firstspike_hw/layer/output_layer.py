"""The output layer: dense, with the potential of every neuron in a register of its own."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import Memory
from firstspike_spec.compiler.contents import SliceContents
from firstspike_spec.compiler.shapes import index_bits

from ..lib.layouts import word_layout
from ..lib.trees import any_of, count_ones, running_total, sum_of
from ..memory.description import Memories
from ..memory.load_bus import LoadBus, pass_on
from ..memory.loadable_memory import LoadableMemory
from .address_table import AddressTable, attach_address_table
from .parameters import AddressTableParameters, OutputParameters

#: What goes through the pipeline with the weights: whether there is a token, and what it ends.
_MARKS = data.StructLayout({"taken": 1, "end": 1, "last": 1})


class OutputLayer(wiring.Component):
    """Adds the weights of each source that spikes to all potentials at once, and gives the verdicts of each step.

    A pipeline: weights, their sum, potential. At the end of a step the potentials are copied, and the verdicts are read from
    the copies while the next step already accumulates. There is one set of copies: an end waits until all verdicts of the
    step before have gone. Spikes without an end do not wait.

    Parameters
    ----------
    parameters : OutputParameters
    contents : sequence of SliceContents, optional
        What each slice holds at power-up; nothing by default.
    table_contents : iterable of int
        What the address table holds at power-up, if there is one.

    Members
    -------
    i : ``In(stream.Signature(parameters.source_token))``
    o : ``Out(stream.Signature(parameters.verdict))``
        The verdicts of each step by rising address, then its end. With an end, address, potential and ``fired`` mean nothing.
    operations : ``Out(range(spikes_per_token * shape.neurons + 1))``
        Synaptic operations, which are weights other than 0 that were added: each is counted once, some cycles later.
    load : ``In(LoadBus())``
        Words for this layer; their ``layer`` is ignored. ``lane`` is the number of a slice; the number after the last slice's
        means the address table. Not while an inference is under way, nor in the cycle before. ``peeked`` comes
        `peek_latency` cycles after ``peek``.

    Notes
    -----
    Latency: `latency` cycles from a step's end to its first verdict, or to the end itself if there is none. Throughput: one
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
        parameters: OutputParameters,
        contents: Sequence[SliceContents] | None = None,
        table_contents: Iterable[int] = (),
    ):
        self._parameters, self._contents, self._table_contents = parameters, contents, table_contents
        super().__init__(
            {
                "i": In(stream.Signature(parameters.source_token)),
                "o": Out(stream.Signature(parameters.verdict)),
                "operations": Out(range(parameters.spikes_per_token * parameters.shape.neurons + 1)),
                "load": In(LoadBus()),
            }
        )

    @staticmethod
    def memories(parameters: OutputParameters) -> Memories:
        """Yield the memories of an output layer, except small ones, which are always in LUTs."""
        shape, style = parameters.shape, parameters.memory_style
        for slices in parameters.memories:
            ports = len(slices) * parameters.spikes_per_token
            yield (
                LoadableMemory.description(bits=shape.weights.bits, depth=len(slices) * shape.rows, ports=ports, style=style),
                1,
            )
        table = AddressTableParameters.of(parameters)
        if table:
            yield from AddressTable.memories(table)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        parameters, shape = self._parameters, self._parameters.shape
        tokens, peeked = self.i, list[Value]()
        table = AddressTableParameters.of(parameters)
        if table:
            tokens, found = attach_address_table(
                m, self, table, self._table_contents, lane=shape.slices, delay=self.peek_latency - 1
            )
            peeked.append(found)
        token, taken = tokens.payload, Signal()
        ends = Signal()  # an end is on its way through the pipeline
        ending = Signal()  # the verdicts of a step are read from the copies
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
        # The next token is an inference's first one; and the opposite. Each of the two signals goes to half of the slices.
        first, later = Signal(init=1), Signal()
        with m.If(summed.taken):
            m.d.sync += [first.eq(summed.end & summed.last), later.eq(~(summed.end & summed.last))]

        slices, potentials = list[_Slices](), []
        for index, numbers in enumerate(parameters.memories):
            contents = [self._contents[number] for number in numbers] if self._contents else None
            m.submodules[f"slice_{numbers[0]}"] = part = _Slices(parameters, numbers, contents)
            m.d.comb += [
                part.token.eq(token),
                part.read.eq(read.taken),
                part.first.eq(~later if index % 2 else first),
            ]
            mine = self.load.word.lane[len(numbers) - 1 :] == numbers[0] // len(numbers)
            pass_on(m, self.load, part.load, when=mine)
            slices.append(part)
            potentials += part.potentials
        m.d.sync += self.load.peeked.eq(any_of([*(part.load.peeked for part in slices), *peeked]))

        # It does not matter which token an operation was for.
        operations = [(part.operations, parameters.spikes_per_token * len(part.potentials)) for part in slices]
        m.d.comb += self.operations.eq(running_total(m, operations))

        self._give_verdicts(m, potentials, added, ending)
        return m

    def _give_verdicts(self, m: Module, potentials: list[Signal], marks: Signal, ending: Signal) -> None:
        """Copy the potentials that a step leaves, and give its verdicts while ``ending``."""
        neurons = self._parameters.shape.neurons
        above, spiked = Signal(neurons), Signal(neurons)
        copies = [Signal.like(potential, name=f"copy_{at}", reset_less=True) for at, potential in enumerate(potentials)]
        pending, pending_last = Signal(neurons + 1), Signal()  # by neuron; then the end
        others = Signal.like(pending)
        m.d.comb += [
            above.eq(Cat(~potential[-1] for potential in potentials)),
            others.eq(pending & (pending - 1)),
            ending.eq(pending[-1]),
        ]

        # The lowest one is chosen first, then its potential.
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

        potential = Signal(self._parameters.shape.potential_bits)
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
    parameters : OutputParameters
    numbers : range
        The slices in the memory: one; or two, the first of which has an even number. The weights of the second then follow
        those of the first, and each slice is read at ports of its own.
    contents : sequence of SliceContents, optional
        What each slice holds at power-up; nothing by default.

    Members
    -------
    token : ``In(parameters.row_token)``
    read : ``In(1)``
        The token of ``LoadableMemory.latency`` cycles ago was one.
    first : ``In(1)``
        The token of one cycle before that, if it was one, is the first of an inference: it starts from the initial potentials
        instead of the present ones.
    potentials : ``Out(signed(shape.potential_bits)).array(...)``
        They include the weights of the token of ``LoadableMemory.latency + 2`` cycles ago.
    operations : ``Out(range(spikes_per_token * neurons + 1))``
    load : ``In(LoadBus())``
        Words for these slices. ``peeked`` comes one cycle earlier than in `OutputLayer`.
    """

    def __init__(self, parameters: OutputParameters, numbers: range, contents: Sequence[SliceContents] | None):
        self._parameters, self._slices, self._contents = parameters, len(numbers), contents
        shape = parameters.shape
        self._neurons = min(len(numbers) * shape.slice_neurons, shape.neurons - numbers[0] * shape.slice_neurons)
        super().__init__(
            {
                "token": In(parameters.row_token),
                "read": In(1),
                "first": In(1),
                "potentials": Out(signed(shape.potential_bits)).array(self._neurons),
                "operations": Out(range(parameters.spikes_per_token * self._neurons + 1)),
                "load": In(LoadBus()),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape, ports, slices = self._parameters.shape, self._parameters.spikes_per_token, self._slices
        m.submodules.weights = weights = LoadableMemory(
            Memory.ENTRIES,
            bits=shape.weights.bits,
            depth=slices * shape.rows,
            contents=[word for part in self._contents or () for word in part.weights],
            ports=slices * ports,
            style=self._parameters.memory_style,
        )
        pass_on(m, self.load, weights.load)
        m.d.comb += weights.load.word.address.eq(
            Cat(self.load.word.address[: shape.row_bits], self.load.word.lane[: slices - 1])
        )
        initials, peeked = self._loaded(m)
        m.d.sync += self.load.peeked.eq(weights.load.peeked | peeked)

        for port in range(ports):
            # No source has the address of all ones: its weights are 0.
            absent = ~self.token[f"valid_{port}"]
            row = self.token[f"address_{port}"] | absent.replicate(shape.row_bits)
            m.d.comb += [weights.address[part * ports + port].eq(Cat(row, Const(part, slices - 1))) for part in range(slices)]
        words = [data.View(word_layout(shape.weights), word) for word in weights.data]
        added = Signal(ports * self._neurons, reset_less=True)  # by neuron and port: a weight other than 0
        m.d.sync += [added.eq(0), self.operations.eq(count_ones(added))]
        for number, initial in enumerate(initials):
            part, place = divmod(number, shape.slice_neurons)
            terms = [word[f"weight_{place}"] for word in words[part * ports : (part + 1) * ports]]
            total = Signal(signed(shape.weight_bits + ports - 1), name=f"total_{number}", reset_less=True)
            potential = Signal(signed(shape.potential_bits), name=f"potential_{number}", reset_less=True)
            m.d.sync += [total.eq(0), potential.eq(Mux(self.first, initial, potential) + total)]
            m.d.comb += self.potentials[number].eq(potential)
            with m.If(self.read):
                m.d.sync += [
                    total.eq(sum_of(terms)),
                    added.word_select(number, ports).eq(Cat(term.any() for term in terms)),
                ]
        return m

    def _loaded(self, m: Module) -> tuple[list[Signal], Signal]:
        """Load and peek at the initial potentials; return their registers, and the one that was peeked at.

        All begins with a register, so that the choice of the slice does not delay its addresses. A reset does not touch any of
        this.
        """
        bits, neurons = self._parameters.shape.potential_bits, self._neurons
        load = Signal(self.load.word.shape(), reset_less=True)
        loads, peeks = Signal(reset_less=True), Signal(reset_less=True)
        m.d.sync += [load.eq(self.load.word), loads.eq(self.load.write), peeks.eq(self.load.peek)]

        word, found, shown = Signal(bits, reset_less=True), Signal(bits), Signal(bits)
        writes, shows = Signal(neurons, reset_less=True), Signal(neurons, reset_less=True)
        slice_neurons = self._parameters.shape.slice_neurons
        place_bits = index_bits(slice_neurons)
        address = Cat(load.address[:place_bits], load.lane[: self._slices - 1])
        numbers = [number // slice_neurons << place_bits | number % slice_neurons for number in range(neurons)]
        here = Cat((load.memory == Memory.INITIAL_POTENTIALS) & (address == number) for number in numbers)
        m.d.sync += [word.eq(load.data), writes.eq(Mux(loads, here, 0)), shows.eq(Mux(peeks, here, 0))]
        given = [int(initial) for part in self._contents or () for initial in part.initial_potentials]
        initials = []
        for number, init in enumerate(given or [0] * neurons):
            initial = Signal(signed(bits), name=f"initial_{number}", init=init, reset_less=True)
            with m.If(writes[number]):
                m.d.sync += initial.eq(word)
            initials.append(initial)
        m.d.sync += [
            found.eq(any_of([Mux(shows[number], initial.as_unsigned(), 0) for number, initial in enumerate(initials)])),
            shown.eq(found),  # at the same time as a word of the weights' memory
        ]
        return initials, shown
