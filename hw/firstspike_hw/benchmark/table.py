"""The results of benchmarks in cells of a table."""

from collections.abc import Callable
from typing import Any

_Result = dict[str, Any]

#: Headings, and how each cell follows from a result.
_CELLS: dict[str, Callable[[_Result], str]] = {
    "point": lambda result: str(result["point"]),
    "FPGA": lambda result: str(result["fpga"]),
    "MHz": lambda result: "{median:.0f}".format(**result["fmax_mhz"]),
    "cycles": lambda result: f"{result['cycles_mean']:.1f}",
    "images/s": lambda result: f"{result['images_per_second']:,.0f}",
    "latency": lambda result: f"{result['latency_us_median']:.2f} us",
    "LUT4": lambda result: f"{result['luts']:,}",
    "block RAMs": lambda result: f"{result['block_rams']}",
}
_DETAILS: dict[str, Callable[[_Result], str]] = {
    "network": lambda result: str(result["network"]),
    "lanes": lambda result: str(result["lanes"]).strip("[()]"),
    "engines": lambda result: f"{result['engines']}",
    "MHz, least": lambda result: "{min:.0f}".format(**result["fmax_mhz"]),
    "MHz, most": lambda result: "{max:.0f}".format(**result["fmax_mhz"]),
    "seeds": lambda result: f"{len(result['fmax_mhz']['seeds'])}",
    "latency, 99 %": lambda result: f"{result['latency_us_p99']:.2f} us",
    "lanes busy": lambda result: f"{result['lane_utilisation']:.0%}",
}


def cells(result: _Result, *, verbose: bool) -> dict[str, str]:
    """Return the cells of a result by heading; ``verbose``, all of its figures."""
    return {heading: cell(result) for heading, cell in (_CELLS | _DETAILS if verbose else _CELLS).items()}
