"""Fits the estimates to results of ``firstspike bench``.

Run ``python -m firstspike_hw.planning.fit bench/results/*.json`` after those have changed.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from firstspike_spec.artefact import load_network
from firstspike_spec.files import whole_file

from ..bench.device import find_device
from .estimates import FITTED, features


def fit(inputs: np.ndarray, wanted: np.ndarray) -> dict:
    """Return coefficients that make the relative errors least, and how far each point is off if the others are fitted.

    Parameters
    ----------
    inputs : ndarray of float, shape (points, coefficients)
    wanted : ndarray of float, shape (points,)

    Returns
    -------
    dict
        ``coefficients``, none of which is more than the points can tell; ``error``, the largest of the relative errors.
    """
    if len(wanted) < inputs.shape[1] + 1:
        inputs = inputs * (np.arange(inputs.shape[1]) == 0)  # too few points to tell more than one coefficient
    everything = _coefficients(inputs, wanted)
    errors = [abs(inputs[at] @ everything / wanted[at] - 1) for at in range(len(wanted))]
    if len(wanted) > inputs.shape[1]:
        for at in range(len(wanted)):
            others = np.arange(len(wanted)) != at
            errors.append(abs(inputs[at] @ _coefficients(inputs[others], wanted[others]) / wanted[at] - 1))
    return {"coefficients": [round(float(value), 4) for value in everything], "error": round(float(max(errors)), 3)}


def _coefficients(inputs: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    # A slight pull towards small coefficients, in units of each input's size, where the points leave several choices.
    scale = np.maximum(np.abs(inputs).max(axis=0), 1e-9)
    rows = np.concatenate([inputs / wanted[:, None] / scale, 1e-3 / wanted.max() * np.eye(len(scale))])
    goals = np.append(np.ones(len(wanted)), np.zeros(len(scale)))
    return np.linalg.lstsq(rows, goals, rcond=None)[0] / scale


def main(results: Sequence[str], networks: Path = Path("networks")) -> None:
    """Write what fits the results to the package's folder."""
    logic, clock = defaultdict(list), defaultdict(list)
    for path in results:
        result = json.loads(Path(path).read_text())
        device = find_device(result["device"])
        shape = device.family.plan(load_network(networks / f"{result['network']}.safetensors"), result["lanes"])
        family = device.family.name
        logic[family].append((features(shape), result["luts"] / result["engines"]))
        clock[family].append((np.array([1, np.log2(result["luts"] / 1000)]), result["fmax_mhz"]["median"]))
    fitted = {
        family: {
            name: fit(np.array([point[0] for point in points]), np.array([point[1] for point in points]))
            for name, points in (("logic", logic[family]), ("clock", clock[family]))
        }
        for family in sorted(logic)
    }
    with whole_file(Path(__file__).parent / FITTED) as temporary:
        temporary.write_text(json.dumps(fitted, indent=1) + "\n")
    print(json.dumps(fitted, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
