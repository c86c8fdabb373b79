"""The situations that the benches of the engine have to come into: functional coverage."""

from collections import Counter
from pathlib import Path

#: What each one is, by name.
POINTS = {
    "entrance waits": "a token waits although all results are taken at once: a queue is full",
    "many spikes": "several neurons of a hidden layer spike in the same step",
    "silent step": "a layer has a step without a spike, so its lanes only end it",
    "tie": "outputs spike first in the same step with equal potentials",
    "no output": "no output spikes, the largest potential decides",
    "first step": "an inference ends early after its first step",
    "last step": "with early exit, an inference is decided in its last step",
    "back to back": "an image's first token goes in right after the last one of the image before",
    "load while idle": "a network is loaded while nothing is under way",
    "load while busy": "a network waits until the images under way are done",
    "reset": "a reset comes while an image is under way",
}


def read_reached(file: Path) -> Counter[str]:
    """Return how often a run came into each situation, as its scoreboards wrote it down; nothing if there is no such file."""
    reached: Counter[str] = Counter()
    for line in file.read_text("utf-8").splitlines() if file.is_file() else ():
        times, point = line.split(" ", 1)
        reached[point] += int(times)
    return reached
