"""A lane of the processor in plain Python: what is in its memories, its calls, and the steps of FIRE."""

import random
from dataclasses import dataclass, field

from firstspike_hw.processor.parameters import HEADER_GAP, StepKind
from firstspike_spec.common.words import Memory

from ...bench import load_word

#: No step in a cycle.
NO_STEP = dict.fromkeys(("address", "opens_window", "closes_window", "slots", "window_row", "column"), 0) | {
    "kind": StepKind.NOTHING
}


def wrapped(number: int, bits: int) -> int:
    """Return a number as two's complement of so many bits holds it."""
    return (number + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


@dataclass
class Units:
    """What a FIRE goes through, as in `firstspike_spec.processor.instructions.Fire`.

    Attributes
    ----------
    headers : list of (exists, slot, channel, initial)
    """

    header: int
    first: int
    lead: int
    pitch: int
    unit_rows: int
    pooling: int
    slots: int
    fired_rows: int
    fired_columns: int
    headers: list[tuple[int, int, int, int]] = field(default_factory=list)

    @property
    def places(self) -> int:
        """Places that it clears."""
        return self.lead + len(self.headers) * self.unit_rows * self.pitch

    def windows(self):
        """Yield each unit's windows: (unit, row, column, addresses)."""
        rows, columns = -(-self.unit_rows // self.pooling), -(-self.pitch // self.pooling)
        for unit in range(len(self.headers)):
            start = self.first + self.lead + unit * self.unit_rows * self.pitch
            for column in range(columns):
                for window_row in range(rows):
                    inside = [
                        start + y * self.pitch + x
                        for y in range(window_row * self.pooling, min((window_row + 1) * self.pooling, self.unit_rows))
                        for x in range(column * self.pooling, min((column + 1) * self.pooling, self.pitch))
                    ]
                    yield unit, window_row, column, inside

    def slots_that_fire(self, window_row: int, column: int) -> int:
        """Return how many slots have a window at this place that is not dropped."""
        if column >= self.fired_columns:
            return 0
        return sum(window_row * self.slots + slot < self.fired_rows for slot in range(self.slots))

    def steps(self, header_words: int):
        """Yield the steps of the FIRE, None for a cycle without one."""
        for number in range(self.lead):
            yield NO_STEP | {"kind": StepKind.CLEAR, "address": self.first + number}
        last = None
        for unit, window_row, column, inside in self.windows():
            if unit != last:
                if last is not None:
                    yield from [None] * HEADER_GAP
                last = unit
                for word in range(header_words):
                    address = self.header + unit * header_words + word
                    yield NO_STEP | {"kind": StepKind.HEADER, "address": address}
            for address in inside:
                yield {
                    "kind": StepKind.VISIT,
                    "address": address,
                    "opens_window": address == inside[0],
                    "closes_window": address == inside[-1],
                    "slots": self.slots_that_fire(window_row, column),
                    "window_row": window_row,
                    "column": column,
                }


class LaneModel:
    """The memories of a lane, and what its calls and its FIREs make of them."""

    def __init__(self, shape):
        self.shape = shape
        self.pointers = [(0, 0)] * shape.rows
        self.entries = [0] * shape.entries  # words
        self.potentials = [0] * shape.potentials
        self.operations = 0

    def set_row(self, row: int, start: int, entries) -> None:
        """Write a row of (offset, weight)."""
        self.pointers[row] = (start, len(entries))
        for at, (offset, weight) in enumerate(entries):
            self.entries[start + at] = int(self.shape.entry.pack(offset=offset, weight=weight))

    def set_headers(self, units: Units) -> None:
        """Write the headers of units."""
        bits, words = self.shape.entry.bits, self.shape.header_words
        for unit, (exists, slot, channel, initial) in enumerate(units.headers):
            header = int(self.shape.header.pack(exists=exists, slot=slot, channel=channel, initial=initial))
            for word in range(words):
                self.entries[units.header + unit * words + word] = header >> word * bits & (1 << bits) - 1

    def load_words(self):
        """Return all that is in the memories as load words."""
        pointers = [int(self.shape.pointer.pack(start=start, length=length)) for start, length in self.pointers]
        return [
            *(load_word(Memory.POINTERS, address, word) for address, word in enumerate(pointers)),
            *(load_word(Memory.ENTRIES, address, word) for address, word in enumerate(self.entries)),
        ]

    def call(self, row: int, base: int, value: int) -> None:
        """Add a row's entries."""
        start, length = self.pointers[row]
        for word in self.entries[start : start + length]:
            entry = self.shape.entry.unpack(word)
            address = (base + int(entry["offset"])) % (1 << self.shape.potential_address_bits)
            sum_ = self.potentials[address] + int(entry["weight"]) * value
            self.potentials[address] = wrapped(sum_, self.shape.potential_bits)
            self.operations += 1

    def fire(self, units: Units, threshold: int, output: bool):
        """Clear the units' places; return what fires: (total, channel, slot, window_row, column)."""
        fired = []
        for unit, window_row, column, inside in units.windows():
            exists, slot, channel, initial = units.headers[unit]
            total = max(wrapped(self.potentials[address] + initial, self.shape.potential_bits) for address in inside)
            if exists and slot < units.slots_that_fire(window_row, column) and (output or total >= threshold):
                fired.append((total, channel, slot, window_row, column))
        for address in range(units.first, units.first + units.places):
            self.potentials[address] = 0
        return fired


def random_units(rng: random.Random, shape, *, first: int, most: int, header: int, most_units: int) -> Units:
    """Return random units with at most ``most`` places from ``first`` on."""
    low, high = shape.header.fields[-1].range
    side = 1 << shape.side_bits
    while True:
        slots = rng.choice([1, 1, 2, 4])
        units = Units(
            header=header,
            first=first,
            lead=rng.choice([0, 0, 1, 5]),
            pitch=rng.choice([1, 2, 3, 5, 9, 17]),
            unit_rows=rng.choice([1, 1, 2, 3, 5]),
            pooling=rng.choice([1, 1, 2, 3]),
            slots=slots,
            fired_rows=rng.randint(1, 6 * slots),
            fired_columns=rng.randint(1, 17),
        )
        for _ in range(rng.randint(1, most_units)):
            initial = rng.choice([low, high, 0, rng.randint(-20, 20), rng.randint(low, high)])
            channel = rng.choice([0, (1 << shape.channel_bits) - 1, rng.randrange(1 << shape.channel_bits)])
            units.headers.append((int(rng.random() < 0.85), rng.randrange(slots), channel, initial))
        fits = -(-units.pitch // units.pooling) <= side and -(-units.unit_rows // units.pooling) <= side
        if units.places <= most and fits:
            return units
