"""What tests of compiled designs share: shapes, a design that need not be compiled, and the names of files."""

from pathlib import Path

from firstspike_hw.simulation.native_engine import engine_design
from firstspike_spec.compiler.plan import plan

from ...spec.random_networks import random_network

ROOT = Path(__file__).parents[3]

#: A small design, for tests that compile nothing.
SHAPE = plan(random_network(0, (4, 6, 3)), 1)
DESIGN = engine_design(SHAPE)


def names_in(folder):
    """Return the names of a folder's entries, in order; none if there is no such folder."""
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


def with_digest(path):
    """Return the names of a kept file and of the file that holds its digest, in order."""
    return [path.with_suffix(".sha256").name, path.name]
