"""Fits the estimates to results of ``firstspike benchmark``.

Run ``python -m firstspike_hw.planning.fit docs/results/benchmark/*.json`` after the results have changed.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from firstspike_spec.artefact.files import load_step_network
from firstspike_spec.common.files import whole_file

from ..boards.family import ECP5
from ..boards.fpga import find_fpga
from .estimates import FITTED, clock_features, features


def fit(inputs: np.ndarray, wanted: np.ndarray, shape: np.ndarray) -> dict:
    """Return coefficients that make the relative errors small, and the largest of these errors.

    Where there are no more points than coefficients, only their common factor is fitted.

    Parameters
    ----------
    inputs : ndarray of float, shape (points, coefficients)
    wanted : ndarray of float, shape (points,)
    shape : ndarray of float, shape (coefficients,)
        The coefficients without that factor.
    """
    rows = inputs / wanted[:, None]
    if len(wanted) > inputs.shape[1]:
        scale = np.maximum(np.abs(rows).max(axis=0), 1e-12)
        coefficients = np.linalg.lstsq(rows / scale, np.ones(len(wanted)), rcond=1e-3)[0] / scale
    else:
        known = rows @ shape
        coefficients = shape * (known.sum() / (known @ known))
    errors = np.abs(rows @ coefficients - 1)
    return {"coefficients": [round(float(value), 5) for value in coefficients], "error": round(float(errors.max()) + 5e-4, 3)}


def main(results: Sequence[str], networks: Path = Path("networks")) -> None:
    """Write the coefficients that fit the results to the package's folder."""
    logic, clock = defaultdict(list), defaultdict(list)
    for path in results:
        result = json.loads(Path(path).read_text("utf-8"))
        fpga = find_fpga(result["fpga"])
        family = fpga.family
        shape = family.plan(load_step_network(networks / f"{result['network']}.safetensors"), result["lanes"])
        logic[family.name].append((features(shape, fpga.memory_style), result["luts"] / result["engines"]))
        clock[family.name].append((shape, result["engines"], result["fmax_mhz"]["median"]))

    fitted: dict = {}
    of_logic, of_clock = np.ones(4), np.array([1.0, 0, 0])  # where there are few results: all alike, and constant
    for name in sorted(logic, key=lambda name: name != ECP5.name):
        of_engine = fit(np.array([row for row, _ in logic[name]]), np.array([luts for _, luts in logic[name]]), of_logic)
        # A plan knows only the estimate of the logic.
        estimates = [
            engines * (row @ of_engine["coefficients"])
            for (row, _), (_, engines, _) in zip(logic[name], clock[name], strict=True)
        ]
        inputs = [clock_features(shape, estimate) for (shape, _, _), estimate in zip(clock[name], estimates, strict=True)]
        wanted = [mhz for _, _, mhz in clock[name]]
        fitted[name] = {"logic": of_engine, "clock": fit(np.array(inputs), np.array(wanted), of_clock)}
        if name == ECP5.name:
            of_logic = np.array(fitted[name]["logic"]["coefficients"])
    with whole_file(Path(__file__).parent / FITTED) as temporary:
        temporary.write_text(json.dumps(fitted, indent=1) + "\n", "utf-8")
    print(json.dumps(fitted, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
