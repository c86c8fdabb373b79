"""Images with labels for a sub-command, from a data set or a user's own."""

from pathlib import Path

from firstspike_spec.common.checks import whole_number
from firstspike_spec.common.errors import InputError
from firstspike_spec.common.text import quoted
from firstspike_spec.datasets import Dataset, default_dataset, fit_dataset, load_dataset
from firstspike_spec.datasets.dataset import Split
from firstspike_spec.terminal.console import note

from ..devices.kinds import AnyNetwork, check_takes_images
from ..images import doubts

_SPLITS: tuple[Split, ...] = ("train", "test")


def load_images_for(
    network: AnyNetwork, dataset: str | None, data: Path | None, *, split: str = "test", limit: int | None = None
) -> Dataset:
    """Return the images that the options ask for, fitted to the network; by default from the data set it was trained on.

    Raises
    ------
    InputError, InputTypeError
        If the split or the limit is invalid, or the data set cannot be had or does not fit, or the network takes spike
        times only.
    """
    check_takes_images(network)
    if limit is not None:
        limit = whole_number(limit, "limit", 1, 1 << 31)
    found = load_dataset(dataset, _split(split), data, usual=default_dataset(network), note=note).first(limit)
    found = fit_dataset(found, network, note)
    for doubt in doubts(network, found.images):
        note(f"note: {doubt}")
    return found


def _split(name: str) -> Split:
    for split in _SPLITS:
        if name == split:
            return split
    raise InputError(f"unknown split {quoted(name)}: name one of {', '.join(_SPLITS)}")
