"""Data sets: images with their true classes, published or a user's own."""

from .dataset import Dataset
from .fitting import default_dataset, fit_dataset, fit_images
from .idx import read_idx
from .loading import load_dataset, load_splits
from .published import SOURCES, Source, cache_folder

__all__ = [
    "SOURCES",
    "Dataset",
    "Source",
    "cache_folder",
    "default_dataset",
    "fit_dataset",
    "fit_images",
    "load_dataset",
    "load_splits",
    "read_idx",
]
