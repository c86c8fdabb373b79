"""The tokens of each step, image by image, for estimates of cycles."""

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, eq=False)
class StepTokens:
    """The tokens of one step.

    Attributes
    ----------
    sources : ndarray of int, shape (images, most tokens, ports)
        Address of each spike's source plus 1; 0 where there is no spike.
    lengths : ndarray of int, shape (images,)
        Tokens of each image.
    by_lane : ndarray of int, shape (images, lanes)
        Spikes that come from each lane.
    """

    sources: np.ndarray
    lengths: np.ndarray
    by_lane: np.ndarray

    @property
    def most(self) -> int:
        """Tokens of the image that has most."""
        return int(self.lengths.max(initial=0))

    def of(self, images: np.ndarray, there: np.ndarray | None = None) -> Self:
        """Return the tokens of some images; none of those that are not ``there``."""
        keep = np.ones(len(images), np.int64) if there is None else there.astype(np.int64)
        return type(self)(self.sources[images], self.lengths[images] * keep, self.by_lane[images] * keep[:, None])


def input_steps(spike_times: np.ndarray, time_steps: int, ports: int) -> list[StepTokens]:
    """Return the tokens of each step as they come in: by rising address, a token with as many spikes as it has room for.

    Parameters
    ----------
    spike_times : ndarray of int, shape (images, inputs)
    time_steps, ports : int
    """
    steps = []
    for step in range(time_steps):
        image, address = np.nonzero(spike_times == step)
        place, port = np.divmod(_ranks(image, len(spike_times)), ports)
        steps.append(_tokens(image, place, port, address, np.zeros_like(image), (len(spike_times), ports, 1)))
    return steps


def layer_steps(
    spike_times: np.ndarray, addresses: np.ndarray, lane_bits: int, port_of_lane: np.ndarray, time_steps: int
) -> list[StepTokens]:
    """Return the tokens of each step as a spike merger makes them: each port has its lanes, and takes one spike a token.

    Parameters
    ----------
    spike_times : ndarray of int, shape (images, neurons)
    addresses : ndarray of int, shape (neurons,)
    lane_bits : int
        Bits of an address that are its lane.
    port_of_lane : ndarray of int, shape (lanes,)
    time_steps : int
    """
    lanes = addresses & ((1 << lane_bits) - 1)
    order = np.lexsort((addresses, lanes))  # lanes of smaller numbers go first
    spike_times, addresses, lanes = spike_times[:, order], addresses[order], lanes[order]
    ports = int(port_of_lane.max()) + 1
    steps = []
    for step in range(time_steps):
        image, neuron = np.nonzero(spike_times == step)
        port = port_of_lane[lanes[neuron]]
        place = _ranks(image * ports + port, len(spike_times) * ports)
        sizes = len(spike_times), ports, len(port_of_lane)
        steps.append(_tokens(image, place, port, addresses[neuron], lanes[neuron], sizes))
    return steps


def _ranks(groups: np.ndarray, count: int) -> np.ndarray:
    """Return how many elements of the same group come before each one."""
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups, minlength=count)
    ranks = np.empty(len(groups), np.int64)
    ranks[order] = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return ranks


def _tokens(
    image: np.ndarray,
    place: np.ndarray,
    port: np.ndarray,
    address: np.ndarray,
    lane: np.ndarray,
    sizes: tuple[int, int, int],
) -> StepTokens:
    """Return the tokens of spikes; ``sizes`` are the numbers of images, ports and lanes."""
    images, ports, lanes = sizes
    sources = np.zeros((images, int(place.max(initial=-1)) + 1, ports), np.int64)
    sources[image, place, port] = address + 1
    lengths = np.zeros(images, np.int64)
    np.maximum.at(lengths, image, place + 1)
    by_lane = np.bincount(image * lanes + lane, minlength=images * lanes).reshape(images, lanes)
    return StepTokens(sources, lengths, by_lane)
