"""The fire sequencer: it leads all lanes through the neurons of a layer."""

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..parameters import HEADER_GAP, ProcessorParameters, StepKind

#: Where a FIRE goes: `firstspike_spec.processor.instructions.Fire`.
GEOMETRY = data.StructLayout(
    {
        "units": 16,
        "header": 18,
        "first": 16,
        "lead": 16,
        "pitch": 9,
        "unit_rows": 9,
        "pooling": 4,
        "slots_log2": 2,
        "fired_rows": 9,
        "fired_columns": 9,
    }
)


class FireSequencer(wiring.Component):
    """Executes the steps of FIRE in the order of `firstspike_spec.processor.instructions.Fire`.

    A unit's header comes before its first neuron. Rows and columns beyond the unit's are not visited and cost no cycle.

    Parameters
    ----------
    parameters : ProcessorParameters

    Members
    -------
    start : ``In(1)``
        Only while not ``busy``.
    geometry : ``In(GEOMETRY)``
        From two cycles before ``start``, and while ``busy``. ``pitch``, ``unit_rows`` and ``pooling`` are at least 1, if there
        are units.
    crowded : ``In(1)``
        A lane has little room for totals. Up to `slack` more steps come.
    step : ``Out(parameters.step)``
    busy : ``Out(1)``
        From the cycle after ``start`` until the last step has been given.

    Notes
    -----
    Throughput: one step a cycle, except in `HEADER_GAP` cycles between two units. Latency: `latency` cycles from ``start`` to
    the first step that clears, one more to a header.
    """

    #: Cycles from ``start`` to the first step, if it clears a place before the units.
    latency = 2

    #: Steps after ``crowded`` has come, the one in the same cycle included.
    slack = 1

    def __init__(self, parameters: ProcessorParameters):
        self._parameters = parameters
        super().__init__(
            {
                "start": In(1),
                "geometry": In(GEOMETRY),
                "crowded": In(1),
                "step": Out(parameters.step),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        parameters, shape, geometry = self._parameters, self._parameters.shape, self.geometry

        # The step that comes next: at `line` plus `column`, or in the header.
        kind, go = Signal(StepKind), Signal()
        line, column = Signal(shape.potential_address_bits), Signal.like(geometry.pitch)
        header = Signal(parameters.entry_address_bits)
        opens, closes, idle, slots = Signal(), Signal(), Signal(), Signal(3)
        window_row, window_column = Signal(shape.side_bits), Signal(shape.side_bits)
        m.d.comb += go.eq(~self.crowded)
        m.d.sync += [
            self.step.kind.eq(Mux(go, kind, StepKind.NOTHING)),
            self.step.address.eq(Mux(kind == StepKind.HEADER, header, (line + column)[: len(line)])),
            self.step.opens_window.eq(opens),
            self.step.closes_window.eq(closes),
            self.step.slots.eq(slots),
            self.step.window_row.eq(window_row),
            self.step.column.eq(window_column),
        ]
        m.d.comb += self.busy.eq(~idle | (self.step.kind != StepKind.NOTHING))

        # What is left, after the present step: of the window's row, of the window, of the windows below and beside.
        across, down = _Axis(m, "column", geometry.pitch, geometry), _Axis(m, "row", geometry.unit_rows, geometry)
        window_start, top = Signal.like(column), Signal.like(line)
        fire_rows, fire_columns = Signal.like(geometry.fired_rows), Signal.like(geometry.fired_columns)
        stride = Signal(3)  # from a window of a slot to the one below
        m.d.comb += [
            stride.eq(Const(1) << geometry.slots_log2),
            closes.eq(across.is_last & down.is_last),
            slots.eq(Mux(fire_columns == 0, 0, Mux(fire_rows >= stride, stride, fire_rows))),
        ]

        places_left, units_left = Signal.like(geometry.lead), Signal.like(geometry.units)
        words_left, gap_left = Signal(range(shape.header_words)), Signal(range(HEADER_GAP))
        next_line = Signal.like(line)
        m.d.comb += next_line.eq(line + geometry.pitch)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += idle.eq(1)
                m.d.sync += [
                    line.eq(geometry.first),
                    column.eq(0),
                    header.eq(geometry.header),
                    places_left.eq(geometry.lead),
                    units_left.eq(geometry.units),
                ]
                with m.If(self.start):
                    m.next = "CLEAR"
                    with m.If(geometry.lead == 0):
                        m.next = "UNIT"
            with m.State("CLEAR"):
                m.d.comb += kind.eq(StepKind.CLEAR)
                with m.If(go):
                    m.d.sync += [line.eq(line + 1), places_left.eq(places_left - 1)]
                    with m.If(places_left == 1):
                        m.next = "UNIT"
            with m.State("UNIT"):
                m.d.sync += words_left.eq(shape.header_words - 1)
                m.next = "HEADER"
                with m.If(units_left == 0):
                    m.next = "IDLE"
            with m.State("HEADER"):
                m.d.comb += kind.eq(StepKind.HEADER)
                m.d.sync += [
                    top.eq(line),
                    column.eq(0),
                    window_start.eq(0),
                    window_row.eq(0),
                    window_column.eq(0),
                    opens.eq(1),
                    fire_rows.eq(geometry.fired_rows),
                    fire_columns.eq(geometry.fired_columns),
                ]
                across.begin()
                down.begin()
                with m.If(go):
                    m.d.sync += [header.eq(header + 1), words_left.eq(words_left - 1)]
                    with m.If(words_left == 0):
                        m.next = "VISIT"
            with m.State("VISIT"):
                m.d.comb += kind.eq(StepKind.VISIT)
                m.d.sync += gap_left.eq(HEADER_GAP - 2)  # the cycle in which a unit begins is one of them
                with m.If(go):
                    m.d.sync += [column.eq(column + 1), opens.eq(closes)]
                    across.advance()
                    with m.If(across.is_last & ~down.is_last):  # the window's next row
                        m.d.sync += [line.eq(next_line), column.eq(window_start)]
                        across.repeat()
                        down.advance()
                    with m.If(closes & ~down.is_end):  # the window below it
                        m.d.sync += [
                            line.eq(next_line),
                            column.eq(window_start),
                            window_row.eq(window_row + 1),
                            fire_rows.eq(_less(fire_rows, stride)),
                        ]
                        across.repeat()
                        down.next_window()
                    with m.If(closes & down.is_end):  # the first window beside it
                        m.d.sync += [
                            line.eq(top),
                            window_start.eq(column + 1),
                            window_row.eq(0),
                            window_column.eq(window_column + 1),
                            fire_rows.eq(geometry.fired_rows),
                            fire_columns.eq(_less(fire_columns, 1)),
                        ]
                        across.next_window()
                        down.begin()
                        with m.If(across.is_end):
                            m.d.sync += [line.eq(next_line), units_left.eq(units_left - 1)]
                            m.next = "GAP"
                            with m.If(units_left == 1):
                                m.next = "IDLE"
            with m.State("GAP"):
                m.d.sync += gap_left.eq(gap_left - 1)
                with m.If(gap_left == 0):
                    m.next = "UNIT"
        return m


class _Axis:
    """The neurons of a unit along one side: what is left of the present window, and of those after it.

    ``is_last``: the present neuron is the window's last one. ``is_end``: the window is the last one.
    """

    def __init__(self, m: Module, name: str, size: Value, geometry: data.View):
        self._m = m
        side = geometry.pooling.shape()
        self._pooling = geometry.pooling
        self._left, self._reach = Signal(side, name=f"{name}_left"), Signal(side, name=f"{name}_reach")
        self._after = Signal.like(size, name=f"{name}s_after")
        self.is_last, self.is_end = Signal(name=f"last_{name}"), Signal(name=f"last_window_{name}")
        m.d.comb += [self.is_last.eq(self._left == 0), self.is_end.eq(self._after == 0)]
        # The first window of a unit.
        self._first_reach, self._first_after = Signal.like(self._reach), Signal.like(self._after)
        reach, after = self._split(size)
        m.d.sync += [self._first_reach.eq(reach), self._first_after.eq(after)]

    def _split(self, places: Value) -> tuple[Value, Value]:
        """Return how far the next window goes from its first neuron to its last, and the places after it."""
        fits = places >= self._pooling
        return Mux(fits, self._pooling, places) - 1, Mux(fits, places - self._pooling, 0)

    def begin(self) -> None:
        """Go to the first window."""
        self._m.d.sync += [
            self._left.eq(self._first_reach),
            self._reach.eq(self._first_reach),
            self._after.eq(self._first_after),
        ]

    def advance(self) -> None:
        """Go to the window's next neuron."""
        self._m.d.sync += self._left.eq(self._left - 1)

    def repeat(self) -> None:
        """Go back to the window's first neuron."""
        self._m.d.sync += self._left.eq(self._reach)

    def next_window(self) -> None:
        """Go to the first neuron of the next window."""
        reach, after = self._split(self._after)
        self._m.d.sync += [self._left.eq(reach), self._reach.eq(reach), self._after.eq(after)]


def _less(value: Value, part: Value | int) -> Value:
    """Return a number less a part of it, or 0 if the part is larger."""
    return Mux(value >= part, value - part, 0)[: len(value)]
