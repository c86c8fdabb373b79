"""The mean of a classifier over the last steps of its training."""

import copy
from typing import Any

import torch

from .layers import FirstSpikeClassifier


class Average:
    """An exponential mean of a classifier's parameters, so that what one batch did hardly shows.

    While the learning rate is large, the parameters wander around where they would settle; their mean is nearer to it than
    they are. Sources: Polyak and Juditsky 1992 (SIAM J. Control Optim. 30) for the mean, Izmailov et al. 2018
    (arXiv 1803.05407) for networks. It is the real-valued weights that are averaged; the mean is then quantised as they are.

    Parameters
    ----------
    classifier : FirstSpikeClassifier
        Whose parameters move; its connections must be fixed.
    steps : int
        At least 1: over how many steps the mean reaches. The first ones count evenly until there are so many.

    Attributes
    ----------
    classifier : FirstSpikeClassifier
        The mean.
    """

    def __init__(self, classifier: FirstSpikeClassifier, steps: int):
        self._source, self._steps, self._seen = classifier, steps, 0
        self.classifier = copy.deepcopy(classifier)

    @torch.no_grad()
    def add(self) -> None:
        """Take in the parameters as they are now."""
        self._seen += 1
        share = 1 / min(self._seen, self._steps)
        for mean, now in zip(self.classifier.parameters(), self._source.parameters(), strict=True):
            mean.lerp_(now, share)

    def state_dict(self) -> dict[str, Any]:
        return {"classifier": self.classifier.state_dict(), "seen": self._seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.classifier.load_state_dict(state["classifier"])
        self._seen = state["seen"]
