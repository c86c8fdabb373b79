"""Measurements of a classifier between epochs, without training it."""

from collections.abc import Iterator

import numpy as np
import torch

from firstspike_spec import Dataset, LatencyEncoder

from ..calibration.output_threshold import Calibration, Target, calibrate
from ..layers.classifier import FirstSpikeClassifier

#: Images that are measured at once.
CHUNK = 200

#: Steps per unit of the threshold in which the output threshold of a float network is calibrated.
FLOAT_GRID = 64


class Evaluator:
    """Runs a classifier on images.

    Parameters
    ----------
    classifier : FirstSpikeClassifier
    encoder : LatencyEncoder
    device : str
        Where the classifier is.
    """

    def __init__(self, classifier: FirstSpikeClassifier, encoder: LatencyEncoder, device: str):
        self._classifier, self._device = classifier, device
        self._below = torch.tensor(encoder.thresholds, dtype=torch.int16, device=device)[:, None, None] - 1

    def present(self, images: torch.Tensor) -> torch.Tensor:
        """Return 0 before the spike of each pixel, and 1 from the step of its spike on: int8, shape (T, batch, inputs)."""
        # For whole numbers, p >= e is min(max(p - (e - 1), 0), 1): several times as fast as a comparison.
        pixels = images.flatten(start_dim=1).to(torch.int16)
        return (pixels - self._below).clamp_(0, 1).to(torch.int8)

    def _chunks(self, images: np.ndarray) -> Iterator[torch.Tensor]:
        """Yield what `present` returns, for some images at a time."""
        for part in torch.tensor(images).split(CHUNK):
            yield self.present(part.to(self._device))

    @torch.no_grad()
    def margins(self, images: np.ndarray) -> torch.Tensor:
        """Return the outputs' potentials minus the threshold at each step, in units of the threshold.

        Parameters
        ----------
        images : ndarray of uint8, shape (count, height, width) or (count, channels, height, width)

        Returns
        -------
        Tensor of float, shape (T, count, classes), on the CPU
        """
        self._classifier.eval()
        return torch.cat([self._classifier(part) for part in self._chunks(images)], dim=1).cpu()

    def calibrate(self, dataset: Dataset, target: Target) -> Calibration:
        """Return the calibration of the outputs that meets a target best on a data set."""
        margins, labels = self.margins(dataset.images), torch.tensor(dataset.labels)
        scale = self._classifier.layers[-1].scale
        whole = (margins * FLOAT_GRID if scale is None else margins / scale).round()
        return calibrate(whole, labels, target)

    @torch.no_grad()
    def tap_counts(self, images: np.ndarray) -> list[torch.Tensor]:
        """Return how often the weights of each tap are added for an image, on average: for each layer, shape (1, taps)."""
        counts = [self._classifier.present_at_end(part) for part in self._chunks(images)]
        results = []
        for layer, ends in zip(self._classifier.layers, zip(*counts, strict=True), strict=True):
            rates = torch.cat(ends).float().mean(dim=0, keepdim=True).cpu().numpy()
            results.append(torch.tensor(layer.maps.windows(rates).sum(axis=1)).to(self._device))
        return results
