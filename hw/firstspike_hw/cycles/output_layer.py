"""The output layer and the read-out."""

import numpy as np

from firstspike_spec.compiler.contents import EngineContents

from .address_table import AddressTable, rows_of_sources
from .items import END, LAST, NOTHING, sources
from .latencies import END_INTERVAL, READOUT, VERDICTS

_FIRES = 4  # in an event: an output spiked in the step


class OutputLayer:
    """Models `firstspike_hw.layer.output_layer.OutputLayer` and `firstspike_hw.chain.readout.ReadOut`.

    The read-out's words are always taken. As nothing stalls the verdicts, the cycles of the verdicts and of the next end are
    known as soon as an end is taken.

    Parameters
    ----------
    contents : EngineContents
    images : ndarray of int, shape (streams,)
    early_exit : bool

    Attributes
    ----------
    finished : ndarray of int, shape (streams,)
        Inferences whose last verdict has been taken.
    decided : ndarray of bool, shape (streams,)
        The oldest unfinished inference has been decided early.
    decision_times : ndarray of int, shape (streams, most images)
        The cycle in which each decision is offered.
    spikes, operations : ndarray of int, shape (streams,)
        Of the output neurons; weights other than 0 added.
    """

    def __init__(self, contents: EngineContents, images: np.ndarray, *, early_exit: bool):
        shape, streams = contents.shape.output, len(images)
        words = [shape.weights.unpack(part.weights) for part in contents.output]
        weights = np.stack([word[field.name] for word in words for field in shape.weights.fields], axis=1)[:, : shape.neurons]
        rows, _bases, seen = rows_of_sources(shape, contents.address_tables[-1])
        weights = np.where(seen[:, None], weights[rows], 0)
        self._weights = np.concatenate([np.zeros((1, shape.neurons), np.int64), weights])  # after those of no spike
        self._address_table = AddressTable(streams) if shape.address_table else None
        self._operations = np.count_nonzero(self._weights, axis=1)
        self._initial_potentials = np.concatenate([part.initial_potentials for part in contents.output])
        self._ports, self._early_exit = range(contents.shape.spikes_per_token), early_exit

        self._potentials = np.tile(self._initial_potentials, (streams, 1))
        self._fired = np.zeros((streams, shape.neurons), bool)
        self._free_from = np.zeros(streams, np.int64)  # the cycle from which on an end is taken
        # Ends on their way to the read-out, by cycle of arrival.
        self._events = np.zeros((VERDICTS + shape.neurons + 1, streams), np.int8)
        self._spiked = np.zeros(streams, bool)  # in an earlier step

        self.finished = np.zeros(streams, np.int64)
        self.decided = np.zeros(streams, bool)
        self.decision_times = np.zeros((streams, max(images, default=0)), np.int64)
        self.spikes = np.zeros(streams, np.int64)
        self.operations = np.zeros(streams, np.int64)

    def ready(self, cycle: int, tokens: np.ndarray) -> np.ndarray:
        """Return which of the tokens on offer are taken in this cycle."""
        return self._address_table.ready if self._address_table else self._accepts(cycle, tokens)

    def _accepts(self, cycle: int, tokens: np.ndarray) -> np.ndarray:
        """Return the same of those that an address table offers."""
        return (tokens & END == 0) | (self._free_from <= cycle)

    def step(self, cycle: int, tokens: np.ndarray) -> None:
        """Go through a clock edge."""
        self._give_verdicts(cycle)
        offered = self._address_table.out if self._address_table else tokens
        accepted = (offered != NOTHING) & self._accepts(cycle, offered)
        if self._address_table:
            self._address_table.step(tokens, accepted)
        tokens, taken = offered, np.flatnonzero(accepted)
        tokens = tokens[taken]
        for port in self._ports:
            source = sources(tokens, port)
            self._potentials[taken] += self._weights[source]
            self.operations[taken] += self._operations[source]
        ends = tokens & END != 0
        if ends.any():
            self._end(cycle, taken[ends], tokens[ends] & LAST != 0)

    def _end(self, cycle: int, streams: np.ndarray, last: np.ndarray) -> None:
        """End a step."""
        fires = (self._potentials[streams] >= 0) & ~self._fired[streams]
        verdicts = np.where(last, np.count_nonzero(~self._fired[streams], axis=1), np.count_nonzero(fires, axis=1))
        self.spikes[streams] += np.count_nonzero(fires, axis=1)
        self._fired[streams] = (self._fired[streams] | fires) & ~last[:, None]
        self._potentials[streams[last]] = self._initial_potentials

        self._free_from[streams] = cycle + END_INTERVAL + verdicts
        arrival = (cycle + VERDICTS + verdicts) % len(self._events)
        self._events[arrival, streams] = END + LAST * last + _FIRES * fires.any(axis=1)

    def _give_verdicts(self, cycle: int) -> None:
        """Take the ends that the read-out gets in this cycle."""
        events = self._events[cycle % len(self._events)]
        streams = np.flatnonzero(events)
        if not len(streams):
            return
        last, fires = events[streams] & LAST != 0, events[streams] & _FIRES != 0
        events[streams] = 0
        spiked = self._spiked[streams]
        decides = (last | fires) & ~spiked if self._early_exit else last
        self.decision_times[streams[decides], self.finished[streams[decides]]] = cycle + READOUT
        self._spiked[streams] = (spiked | fires) & ~last
        self.finished = self.finished.copy()
        self.finished[streams] += last
        self.decided = self._spiked & self._early_exit
