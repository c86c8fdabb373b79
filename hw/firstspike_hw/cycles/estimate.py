"""Estimates of an engine's cycles, token by token rather than cycle by cycle: fast, but not exact.

The golden model says which neurons spike. This model says when: it follows each token through the queues of the lanes, each
lane through the rows of its tokens, and the spikes of a step through the spike merger. It leaves out short waits, which matter
in engines of a few dozen cycles an image, and the neurons that reach the threshold within a step and fall below it again.
"""

import numpy as np

from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.compiler.shapes import LayerShape
from firstspike_spec.inference.inference import Inference

from ..lane.fire_queue import FireQueue
from ..lane.parameters import TOKEN_SLACK, entry_stages
from ..lane.row_reader import RowReader
from ..layer.spike_merger import SpikeMerger
from .estimate_tokens import StepTokens, input_steps, layer_steps
from .figures import figures
from .lane.memories import LENGTH_MASK, Rows, start_address
from .latencies import ACCUMULATOR, END_INTERVAL, POINTERS, READOUT, ROOM, VERDICTS
from .summary import Distribution

#: Images of each stream: the first finds the engine idle, and the rate is that of the last.
STREAM_IMAGES = 3

#: How far off the mean cycles from image to image are at most, as a part of them, for all stored results (a test holds it).
ERROR = 0.05

#: Cycles of an item in the stages between a lane and the last level of the spike merger.
_STAGE_CYCLES = 2

#: Tokens that a lane holds beyond those in its queue: the one at the head, and the one whose rows are read.
_AT_THE_HEAD = 2

_BEFORE, _AFTER = -(1 << 60), 1 << 60


def estimated_figures(contents: EngineContents, spike_times: np.ndarray, inference: Inference) -> dict[str, float]:
    """Return estimates of the figures of `firstspike_hw.cycles.figures.replayed_figures`.

    Parameters
    ----------
    contents : EngineContents
    spike_times : ndarray of int16, shape (images, inputs)
        At least two images.
    inference : Inference
        What the golden model makes of the images, with all steps.
    """
    model = _Engine(contents, spike_times, inference)
    starts, decisions = model.run()
    between, alone = np.diff(decisions[:, -2:], axis=1), decisions[:, 0] - starts[:, 0]
    cycles = figures(len(spike_times), between=Distribution.of(between), alone=Distribution.of(alone))
    return {**cycles, "lane_utilisation": model.utilisation(cycles["cycles_mean"] * decisions.size)}


class _Lanes:
    """The lanes of a hidden layer, in streams of images side by side.

    Parameters
    ----------
    shape : LayerShape
    rows : Rows
    spikes_per_token, queue_depth, streams : int

    Attributes
    ----------
    accepted : ndarray of int, shape (streams,)
        The cycle in which the last token was accepted.
    out : ndarray of int, shape (streams,)
        The cycle in which the end of the last step left the layer.
    entries : int
        Entries read in all streams.
    """

    def __init__(self, shape: LayerShape, rows: Rows, *, spikes_per_token: int, queue_depth: int, streams: int):
        lanes = np.arange(shape.lanes)
        self.shape = shape
        self._lengths = np.ascontiguousarray((rows.rows & LENGTH_MASK).T)  # of rows, by source and lane
        self._to_lane = POINTERS + RowReader.latency - 1 + entry_stages(shape)
        levels = SpikeMerger.levels(shape.lanes, spikes_per_token)
        self._from_lane = ACCUMULATOR + FireQueue.latency + 1 + len(levels) + 1
        # For each level of the spike merger: the first lane of each of its inputs, and an item's cycles.
        self._levels = [(lanes, _STAGE_CYCLES)]
        for level in range(1, len(levels) + 1):
            cycles = 1 if level == len(levels) else _STAGE_CYCLES
            self._levels.append((np.flatnonzero(lanes % (1 << sum(levels[:level])) == 0), cycles))
        self.port_of_lane = lanes >> sum(levels)

        # When each lane is free, and when it began each of the last tokens, as far as they had to wait.
        self._free = np.full((streams, shape.lanes), _BEFORE)
        self._places = max(1, queue_depth - TOKEN_SLACK + _AT_THE_HEAD)
        self._begun = np.full((self._places, streams * shape.lanes), _BEFORE)
        self._tokens = np.zeros(streams * shape.lanes, np.int64)
        self._oldest = np.full((streams, shape.lanes), _BEFORE)
        self.accepted, self.out = np.full(streams, _BEFORE), np.full(streams, _BEFORE)
        self.entries = 0

    def accepts(self, offered: np.ndarray) -> np.ndarray:
        """Return the cycle in which a token is accepted that is on offer from a cycle on."""
        return np.maximum(np.maximum(offered, self.accepted + 1), self._oldest.max(axis=1) + ROOM)

    def take(self, accepted: np.ndarray, sources: np.ndarray, there: np.ndarray) -> None:
        """Take a token's spikes, shape (streams, ports), in the streams where they are ``there``."""
        work = self._lengths[sources[:, 0]]
        for port in range(1, sources.shape[1]):
            work += self._lengths[sources[:, port]]
        work[~there] = 0
        self.entries += int(work.sum())
        self._do(accepted, work)
        self.accepted = np.where(there, accepted, self.accepted)

    def start(self, accepted: np.ndarray) -> None:
        """Take the start row of an inference."""
        row = np.full((len(accepted), 1), start_address(self.shape) + 1)
        self.take(accepted, row, np.ones(len(accepted), bool))

    def end(self, accepted: np.ndarray, fires: np.ndarray, *, last: bool) -> tuple[np.ndarray, np.ndarray]:
        """End a step, in which ``fires`` neurons fire, shape (streams, lanes).

        Returns
        -------
        first, end : ndarray of int, shape (streams,)
            From when on spikes leave the layer, and when the step's end does.
        """
        self._do(accepted, np.ones(self._free.shape, np.int64))
        self.accepted = accepted
        leave = self._free + self._from_lane
        self._free += last  # a cycle of rest
        end = leave.max(axis=1)
        for first_lanes, cycles in self._levels:
            begins = np.maximum(np.minimum.reduceat(leave, first_lanes, axis=1), self.out[:, None])
            items = np.add.reduceat(fires, first_lanes, axis=1) + 1
            end = np.maximum(end, (begins + cycles * items).max(axis=1))
        first = np.minimum(np.maximum(leave.min(axis=1), self.out), end)
        self.out = end
        return first, end

    def _do(self, accepted: np.ndarray, work: np.ndarray) -> None:
        """Let each lane do its work of a token; what has none for a lane takes no place in its queue."""
        at = np.flatnonzero(work)
        free, oldest = self._free.ravel(), self._oldest.ravel()
        comes = (accepted + self._to_lane)[at // self.shape.lanes]
        begins = np.maximum(free[at], comes)
        free[at] = begins + work.ravel()[at]
        tokens = self._tokens[at]
        self._begun[tokens % self._places, at] = np.where(begins > comes, begins, _BEFORE)
        tokens += 1
        self._tokens[at] = tokens
        oldest[at] = self._begun[tokens % self._places, at]


class _Engine:
    """All of an engine, and the images that go through it once."""

    def __init__(self, contents: EngineContents, spike_times: np.ndarray, inference: Inference):
        shape, network = contents.shape, contents.network
        self._shape, self._time_steps = shape, network.time_steps
        self._decision_steps, self._images = inference.decision_steps, len(spike_times)
        self._inputs = input_steps(spike_times, network.time_steps, shape.spikes_per_token)
        rows = [
            Rows.of(part, banks, table)
            for part, banks, table in zip(shape.layers, contents.banks, contents.address_tables[:-1], strict=True)
        ]
        sizes = {"spikes_per_token": shape.spikes_per_token, "queue_depth": shape.queue_depth, "streams": self._images}
        self._layers = [_Lanes(part, of_part, **sizes) for part, of_part in zip(shape.layers, rows, strict=True)]
        self._spikes = [
            layer_steps(times, addresses, layer.shape.lane_bits, layer.port_of_lane, network.time_steps)
            for times, addresses, layer in zip(inference.spike_times[1:-1], contents.addresses[:-1], self._layers, strict=True)
        ]

    def utilisation(self, cycles: float) -> float:
        """Return the part of the cycles in which the lanes of the busiest layer read an entry."""
        return max((layer.entries / (layer.shape.lanes * cycles) for layer in self._layers), default=0.0)

    def run(self) -> tuple[np.ndarray, np.ndarray]:
        """Return when each image begins and when it is decided, shape (images, `STREAM_IMAGES`): each begins one stream."""
        streams = self._images
        images = (np.arange(streams)[:, None] + np.arange(STREAM_IMAGES)) % streams
        gate = _Gate(streams, self._layers[0] if self._layers else None)
        output_free = np.full(streams, _BEFORE)
        starts, decisions = np.zeros(images.shape, np.int64), np.zeros(images.shape, np.int64)
        for number in range(STREAM_IMAGES):
            chosen = images[:, number]
            decision_step, decided = self._decision_steps[chosen], np.full(streams, _AFTER)
            gate.begin()
            starts[:, number] = gate.at
            for step in range(self._time_steps):
                last = step == self._time_steps - 1
                gate.send(self._inputs[step].of(chosen), decided)
                # After the decision, a step whose inputs have not come in has no spikes.
                end = np.maximum(self._through_layers(step, chosen, gate, gate.at <= decided, last=last), output_free)
                # Each output that spikes takes a verdict, about one in the step that decides; the last step has the others.
                spikes = (decision_step == step).astype(np.int64)
                verdicts = np.full(streams, self._shape.output.neurons) if last else spikes
                output_free = end + END_INTERVAL + verdicts
                at = end + VERDICTS + np.where(spikes, 1, verdicts) + READOUT
                decided = np.where((decision_step == step) | (last & (decision_step > step)), at, decided)
            decisions[:, number] = decided
        return starts, decisions

    def _through_layers(self, step: int, images: np.ndarray, gate: "_Gate", is_in: np.ndarray, *, last: bool) -> np.ndarray:
        """Return when the end of a step leaves the last hidden layer."""
        first = end = accepted = gate.accepted
        for number, layer in enumerate(self._layers):
            if number > 0:
                tokens = self._spikes[number - 1][step].of(images, is_in)
                if step == 0:
                    layer.start(layer.accepts(first))
                for place in range(tokens.most):  # the spikes come between the first one and the end
                    offered = first + (place + 1) * (end - first) // np.maximum(1, tokens.lengths)
                    layer.take(layer.accepts(offered), tokens.sources[:, place], place < tokens.lengths)
                accepted = layer.accepts(end)
                self._layers[number - 1].out = accepted
            fires = self._spikes[number][step].of(images, is_in).by_lane
            first, end = layer.end(accepted, fires, last=last)
        return end


class _Gate:
    """The input gate; two tokens can wait between it and the first layer's lane groups.

    Attributes
    ----------
    at, accepted : ndarray of int, shape (streams,)
        The cycles in which the last token left the gate, and in which the layer accepted the last one.
    """

    def __init__(self, streams: int, layer: _Lanes | None):
        self._layer = layer
        self.at = np.full(streams, -1)
        self.accepted, self._accepted_before = np.full(streams, _BEFORE), np.full(streams, _BEFORE)

    def begin(self) -> None:
        """Begin an inference."""
        everywhere = np.ones(len(self.at), bool)
        self._go(everywhere, everywhere)
        if self._layer:
            self._layer.start(self.accepted)

    def send(self, tokens: StepTokens, decided: np.ndarray) -> None:
        """Send a step's tokens; once an inference is ``decided``, only the ends of its steps."""
        lengths = np.maximum(1, tokens.lengths)
        no_spikes = np.zeros((len(lengths), tokens.sources.shape[2]), np.int64)
        for place in range(int(lengths.max())):
            is_open = self.at + 1 <= decided
            there = place < lengths
            goes = there & (is_open | (place == lengths - 1))
            self._go(there, goes)
            if self._layer and place < tokens.most:
                self._layer.take(self.accepted, np.where(is_open[:, None], tokens.sources[:, place], no_spikes), goes)

    def _go(self, there: np.ndarray, goes: np.ndarray) -> None:
        """Let the tokens that are ``there`` leave the gate; those that ``goes`` marks enter the first layer."""
        self.at = np.where(there, np.maximum(self.at + 1, self._accepted_before), self.at)
        accepted = self._layer.accepts(self.at + 1) if self._layer else self.at + 1
        self._accepted_before = np.where(goes, self.accepted, self._accepted_before)
        self.accepted = np.where(goes, accepted, self.accepted)
