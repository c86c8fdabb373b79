"""The file in which the pytest process hands stimulus and expected values to the simulator's process."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firstspike_spec.common.words import Field, Word

#: Environment variables with the files of a bench: its vectors, the number of values that it compared, and the situations
#: that it came into.
VECTORS_FILE = "FIRSTSPIKE_SIM_VECTORS"
COMPARED_FILE = "FIRSTSPIKE_SIM_COMPARED"
REACHED_FILE = "FIRSTSPIKE_SIM_REACHED"


@dataclass(frozen=True)
class Vectors:
    """What a bench works with.

    Attributes
    ----------
    settings : dict
        Anything that JSON can hold.
    arrays : dict of ndarray
    """

    settings: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def word(self, name: str) -> Word:
        """Return the word whose fields are in the settings under ``name``."""
        return Word(tuple(Field(*values) for values in self.settings[name]))

    @classmethod
    def join(cls, parts: "list[Vectors]") -> "Vectors":
        """Return several vectors as one, for one file."""
        arrays = {f"{index}/{name}": array for index, part in enumerate(parts) for name, array in part.arrays.items()}
        return cls({"parts": [part.settings for part in parts]}, arrays)

    def parts(self) -> "list[Vectors]":
        """Return the vectors that were joined."""
        return [
            Vectors(
                settings,
                {name.partition("/")[2]: array for name, array in self.arrays.items() if name.startswith(f"{index}/")},
            )
            for index, settings in enumerate(self.settings["parts"])
        ]

    def save(self, path: Path) -> Path:
        """Write the vectors to a file, and return its path."""
        np.savez(path, settings=np.array(json.dumps(self.settings)), **self.arrays)
        return path


def load_vectors(path: Path | None = None) -> Vectors:
    """Return the vectors in a file; by default those that the runner hands to this process."""
    with np.load(path or os.environ[VECTORS_FILE], allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return Vectors(json.loads(str(arrays.pop("settings"))), arrays)
