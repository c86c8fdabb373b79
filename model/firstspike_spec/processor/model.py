"""A model of the processor that knows no network: only the words of its memories, and its program."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..common.words import LOAD_WORD, Memory, Word
from ..layered.kernels import MAX_STEPS
from .contents import COLUMNS, KERNELS, LANES_LAYER, PROGRAM, ROWS, SHARED_LAYER
from .instructions import FIRE, INTEGRATE, End, Fire, Instruction, Integrate, Opcode, Wait
from .shape import ProcessorShape
from .spike_memory import SpikeMemory

#: The fields of a spike, in the order of their columns in arrays of spikes.
SPIKE_FIELDS = ("channel", "y", "x", "step")

#: A total that every other one is larger than.
_LOWEST = np.iinfo(np.int64).min


@dataclass(frozen=True, eq=False)
class ProcessorRun:
    """What a processor does with an image.

    Attributes
    ----------
    spikes : dict of ndarray of int64, each of shape (spikes, 4)
        Of each source that was read or written, its spikes as (channel, y, x, step), in any order.
    outputs : ndarray of int64, shape (outputs, 4)
        The reports of the output layer, by channel: channel, potential, step, and whether it fired; if not, the step is
        ``T - 1``.
    output_class, decision_step : int
    synaptic_operations : int
    dropped : int
        Spikes that found no place in the spike memory. If there are any, nothing else is to be trusted.
    """

    spikes: dict[int, np.ndarray]
    outputs: np.ndarray
    output_class: int
    decision_step: int
    synaptic_operations: int
    dropped: int


class ProcessorModel:
    """A processor with loaded memories. Its potentials stay from image to image, as in the gateware.

    Instructions are executed one after the other, and no cycles are counted.

    Parameters
    ----------
    shape : ProcessorShape
    load_words : ndarray of uint64
        `LOAD_WORD` words. What they do not load is 0.

    Raises
    ------
    RuntimeError
        From `run`, if the program does what no program may do: an address beyond the potentials, or an addition to potentials
        that a FIRE before it may not have cleared yet.
    """

    def __init__(self, shape: ProcessorShape, load_words: np.ndarray):
        self.shape = shape
        loaded = LOAD_WORD.unpack(load_words)

        def memory(layer: int, lane: int, which: Memory, depth: int) -> np.ndarray:
            words = np.zeros(depth, np.uint64)
            chosen = (loaded["layer"] == layer) & (loaded["lane"] == lane) & (loaded["memory"] == which)
            words[loaded["address"][chosen]] = loaded["data"][chosen]
            return words

        pointers, entries = (
            np.stack([memory(LANES_LAYER, lane, which, depth) for lane in range(shape.lanes)])
            for which, depth in ((Memory.POINTERS, shape.rows), (Memory.ENTRIES, shape.entries))
        )
        self._pointers, self._entries, self._entry_words = shape.pointer.unpack(pointers), shape.entry.unpack(entries), entries
        self._program = list(_decoded(memory(SHARED_LAYER, PROGRAM, Memory.ENTRIES, shape.program)))
        self._kernels = memory(SHARED_LAYER, KERNELS, Memory.ENTRIES, shape.kernel_words).astype(np.int64)
        self._rows, self._columns = (
            shape.coordinate.unpack(memory(SHARED_LAYER, lane, Memory.ENTRIES, shape.coordinates)) for lane in (ROWS, COLUMNS)
        )
        self.potentials = np.zeros((shape.lanes, shape.potentials), np.int64)

    def run(self, words: np.ndarray) -> ProcessorRun:
        """Run the program for one image.

        Parameters
        ----------
        words : ndarray of uint64
            `ProcessorShape.spike` words: the image's spikes, and its end.
        """
        fields = self.shape.spike.unpack(words)
        assert fields["end"].tolist() == [0] * (len(words) - 1) + [1], "an image has one end, which is its last word"
        spikes = {0: np.stack([fields[name][:-1] for name in SPIKE_FIELDS], axis=1)}
        memory, busy = SpikeMemory(self.shape.spikes), range(0)
        outputs, operations, dropped = np.zeros((0, 4), np.int64), 0, 0
        for at, instruction in enumerate(self._program):
            if isinstance(instruction, Integrate):
                operations += self._integrate(instruction, spikes[instruction.source], busy)
                memory.integrate(instruction)
            elif isinstance(instruction, Wait):
                busy = range(0)
            elif isinstance(instruction, Fire):
                fired, busy = self._fire(instruction)
                if instruction.output:
                    outputs = np.concatenate([outputs, self._reports(instruction, fired)])
                    continue
                if instruction.opens:
                    spikes[instruction.source] = np.zeros((0, 4), np.int64)
                kept = memory.fire(instruction, len(fired), self._program[at + 1])
                dropped += len(fired) - kept
                steps = _steps(fired[:kept, 3], instruction.thresholds)
                found = np.concatenate([fired[:kept, :3], steps[:, None]], axis=1)
                spikes[instruction.source] = np.concatenate([spikes[instruction.source], found])
        outputs = outputs[np.argsort(outputs[:, 0])]
        best = outputs[np.argmax(outputs[:, 1])]
        return ProcessorRun(spikes, outputs, int(best[0]), int(best[2]), operations, dropped)

    def _integrate(self, instruction: Integrate, spikes: np.ndarray, busy: range) -> int:
        """Add the entries of all spikes to the potentials; return how many entries these are."""
        shape = self.shape
        channel, y, x, step = spikes.T
        down = {name: words[instruction.rows + y] for name, words in self._rows.items()}
        right = {name: words[instruction.columns + x] for name, words in self._columns.items()}
        seen = (down["seen"] & right["seen"]) == 1
        rows = (instruction.row + channel * instruction.channel_rows + down["row"] + right["row"])[seen] % (
            1 << shape.row_bits
        )
        bases = (down["base"] + right["base"])[seen]
        values = self._kernels[MAX_STEPS * (instruction.source != 0) + step[seen]] % (1 << shape.value_bits)
        operations = 0
        for lane, potentials in enumerate(self.potentials):
            lengths = self._pointers["length"][lane, rows]
            ends = np.cumsum(lengths)
            within = np.arange(lengths.sum()) - np.repeat(ends - lengths, lengths)
            places = np.repeat(self._pointers["start"][lane, rows], lengths) + within
            addresses = (np.repeat(bases, lengths) + self._entries["offset"][lane, places]) % (
                1 << shape.potential_address_bits
            )
            if len(addresses) and addresses.max() >= shape.potentials:
                raise RuntimeError(f"{instruction} adds to potential {addresses.max()} of {shape.potentials} in lane {lane}")
            if ((addresses >= busy.start) & (addresses < busy.stop)).any():
                raise RuntimeError(f"{instruction} adds to potentials of {busy} in lane {lane} while they may still fire")
            np.add.at(potentials, addresses, np.repeat(values, lengths) * self._entries["weight"][lane, places])
            operations += len(addresses)
        self.potentials = self._wrapped(self.potentials)
        return operations

    def _fire(self, fire: Fire) -> tuple[np.ndarray, range]:
        """Clear potentials; return what fires as rows of (channel, y, x, total), and which places were cleared."""
        shape = self.shape
        first = fire.first + fire.lead
        size = fire.unit_rows * fire.pitch
        places = range(fire.first, first + fire.units * size)
        if places.stop > shape.potentials:
            raise RuntimeError(f"{fire} clears potentials up to {places.stop} of {shape.potentials}")
        found = []
        for unit in range(fire.units):
            header = shape.header.unpack(self._header(fire.header + unit * shape.header_words))
            exists, slot, channel, initial = (header[name][:, None, None] for name in ("exists", "slot", "channel", "initial"))
            neurons = self.potentials[:, first + unit * size : first + (unit + 1) * size]
            totals = self._wrapped(neurons.reshape(-1, fire.unit_rows, fire.pitch) + initial)
            totals = _largest(totals, fire.pooling)
            y = (np.arange(totals.shape[1]) << fire.slots_log2)[:, None] + slot
            x = np.arange(totals.shape[2])
            fires = (exists == 1) & (y < fire.fired_rows) & (x < fire.fired_columns)
            if not fire.output:
                fires &= totals >= fire.thresholds[-1]
            found.append(np.stack([part[fires] for part in np.broadcast_arrays(channel, y, x, totals)], axis=1))
        self.potentials[:, places.start : places.stop] = 0
        return np.concatenate(found), places

    def _header(self, address: int) -> np.ndarray:
        """Return the words of the header at an address of all lanes, shape (lanes,)."""
        header = np.zeros(self.shape.lanes, np.uint64)
        for word in range(self.shape.header_words):
            header |= self._entry_words[:, address + word] << np.uint64(word * self.shape.entry.bits)
        return header

    def _reports(self, fire: Fire, fired: np.ndarray) -> np.ndarray:
        """Return a row of `ProcessorRun.outputs` for each total of the output layer."""
        steps, last = _steps(fired[:, 3], fire.thresholds), len(fire.thresholds) - 1
        return np.stack([fired[:, 0], fired[:, 3], np.minimum(steps, last), steps <= last], axis=1)

    def _wrapped(self, potentials: np.ndarray) -> np.ndarray:
        """Return potentials as two's complement numbers of the processor's width."""
        half = 1 << (self.shape.potential_bits - 1)
        return ((potentials + half) & (2 * half - 1)) - half


def _steps(totals: np.ndarray, thresholds: tuple[int, ...]) -> np.ndarray:
    """Return the first step whose threshold each total reaches, or the number of steps."""
    return np.count_nonzero(totals[:, None] < np.array(thresholds), axis=1)


def _largest(totals: np.ndarray, side: int) -> np.ndarray:
    """Return the largest total of each window; those at the right and lower edges may be incomplete."""
    lanes, height, width = totals.shape
    rest = ((0, 0), (0, -height % side), (0, -width % side))
    padded = np.pad(totals, rest, constant_values=_LOWEST)
    windows = padded.reshape(lanes, padded.shape[1] // side, side, padded.shape[2] // side, side)
    found: np.ndarray = windows.max(axis=(2, 4))
    return found


def _decoded(program: np.ndarray) -> Iterator[Instruction]:
    """Yield the instructions of a program, up to its END."""

    def values_of(words: tuple[Word, ...], at: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for offset, word in enumerate(words):
            for name, value in word.unpack(program[at + offset]).items():
                found[name] = bool(value) if word.width(name) == 1 else int(value)
        return found

    at = 0
    while (opcode := int(program[at]) & 3) != Opcode.END:
        if opcode == Opcode.INTEGRATE:
            yield _instruction(Integrate, values_of(INTEGRATE, at))
            at += len(INTEGRATE)
        elif opcode == Opcode.FIRE:
            values = values_of(FIRE, at)
            at += len(FIRE)
            thresholds = tuple(int(word) for word in program[at : at + values["time_steps"]])
            at += len(thresholds)
            yield _instruction(Fire, values | {"thresholds": thresholds})
        else:
            yield Wait()
            at += 1
    yield End()


def _instruction(kind: type[Instruction], values: dict[str, Any]) -> Instruction:
    """Return an instruction of a kind from the values of its words."""
    return kind(**{field.name: values[field.name] for field in fields(kind)})
