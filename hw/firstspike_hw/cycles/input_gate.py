"""The input gate of each stream: the tokens of its images, back to back."""

import numpy as np

from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.tokens import input_tokens

from .items import END, ENDS, LAST, NOTHING, spike
from .latencies import MOST_UNDER_WAY


class InputGate:
    """Models `firstspike_hw.chain.input_gate.InputGate`. Its sender offers a token in every cycle, until there are no more.

    Parameters
    ----------
    shape : EngineShape
    spike_times : ndarray of int16, shape (images, inputs)
        Stream by stream.
    images : ndarray of int, shape (streams,)
        Images of each stream.
    time_steps : int
    after_reset : bool
        A reset has just ended.

    Attributes
    ----------
    started : ndarray of int, shape (streams,)
        Inferences begun.
    start_times : ndarray of int, shape (streams, most images)
        The cycle in which each image's first token was taken.
    stall_cycles : ndarray of int, shape (streams,)
    """

    def __init__(self, shape: EngineShape, spike_times: np.ndarray, images: np.ndarray, *, time_steps: int, after_reset: bool):
        fields = shape.input_word.unpack(input_tokens(shape, spike_times, time_steps))
        self._tokens = fields["end"] * END
        ends = np.cumsum(fields["end"])
        self._tokens |= np.where((fields["end"] == 1) & (ends % time_steps == 0), LAST, 0)
        for port in range(shape.spikes_per_token):
            self._tokens |= np.where(fields[f"valid_{port}"], spike(fields[f"address_{port}"], port), 0)

        self._stop = np.searchsorted(ends, np.cumsum(images) * time_steps) + 1
        self._stop[np.cumsum(images) == 0] = 0
        self._at = np.append(0, self._stop[:-1])
        self._under_way = np.zeros(len(images), bool)
        self._has_number = np.full(len(images), not after_reset)
        self._offered = np.zeros(len(images), bool)
        self._decided = np.zeros(len(images), bool)
        self.started = np.zeros(len(images), np.int64)
        self.start_times = np.zeros((len(images), max(images, default=0)), np.int64)
        self.stall_cycles = np.zeros(len(images), np.int64)

    @property
    def offers(self) -> np.ndarray:
        """Whether each stream has a token on offer."""
        return self._at < self._stop

    @property
    def out(self) -> np.ndarray:
        """Tokens on offer to the first layer, shape (streams,)."""
        token = self._tokens[np.minimum(self._at, len(self._tokens) - 1)]
        sent = np.where(self._decided & self._under_way, token & ENDS, token)
        return np.where(self.offers & self._may_go, sent, NOTHING)

    @property
    def _may_go(self) -> np.ndarray:
        return self._offered | self._under_way | self._has_number

    def step(self, cycle: int, taken: np.ndarray, finished: np.ndarray, decided: np.ndarray) -> None:
        """Go through a clock edge.

        Parameters
        ----------
        cycle : int
        taken : ndarray of bool, shape (streams,)
            Whether the first layer is ready.
        finished : ndarray of int, shape (streams,)
            Inferences finished.
        decided : ndarray of bool, shape (streams,)
            The oldest unfinished inference is decided.
        """
        offers, waits = self.offers, (self.out != NOTHING) & ~taken
        ready = taken & self._may_go
        self._has_number = self.started - finished < MOST_UNDER_WAY
        self._offered = waits
        self._decided = np.where(waits, self._decided, decided & (self.started - self._under_way == finished))
        moves = offers & ready
        self.stall_cycles += offers & ~ready & (self.started != finished)

        token = self._tokens[np.minimum(self._at, len(self._tokens) - 1)]
        begins = moves & ~self._under_way
        number = np.flatnonzero(begins)
        self.start_times[number, self.started[number]] = cycle
        self.started = self.started + begins
        self._under_way = np.where(moves, token & LAST == 0, self._under_way)
        self._at = self._at + moves
