"""The read-out against the golden model's decision."""

import numpy as np
import pytest

from firstspike_hw.chain.readout import ReadOut
from firstspike_sim.runner import build, simulate
from firstspike_sim.stimulus.readout_vectors import random_verdicts, readout_vectors
from firstspike_spec.compiler.shapes import OutputShape


@pytest.mark.parametrize(
    ("outputs", "steps", "shape"),
    [
        (10, 4, OutputShape(4, 16, 4, 6)),
        (2, 2, OutputShape(1, 2, 16, 32)),
        (5, 256, OutputShape(4, 5, 4, 6)),
    ],
    ids=["ten outputs", "widest potentials", "most steps"],
)
def test_reports_and_decisions(request, tmp_path, outputs, steps, shape):
    rng = np.random.default_rng(50)
    times, potentials = random_verdicts(rng, 12 if steps > 100 else 30, outputs, steps, shape.potential_bits)
    readout = ReadOut(shape)
    simulator = build(readout, "readout")
    vectors = readout_vectors(rng, shape, times, potentials, steps=steps, latency=readout.latency)
    path = vectors.save(tmp_path / "vectors.npz")
    simulate(simulator, "firstspike_sim.benches.readout_bench", path, run=f"readout {request.node.name}", seed=1)
