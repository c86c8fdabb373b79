"""The table of results, in Markdown."""

from typing import Any

#: Headings of the table, and how each cell comes from a result.
_COLUMNS = {
    "point": lambda result: result["point"],
    "network": lambda result: result["network"],
    "FPGA": lambda result: result["fpga"],
    "lanes": lambda result: str(result["lanes"]).strip("[()]"),
    "engines": lambda result: f"{result['engines']}",
    "fmax min / median / max": lambda result: "{min:.0f} / {median:.0f} / {max:.0f} MHz".format(**result["fmax_mhz"]),
    "seeds": lambda result: f"{len(result['fmax_mhz']['seeds'])}",
    "cycles an image": lambda result: f"{result['cycles_mean']:.1f}",
    "images/s": lambda result: f"{result['images_per_second']:,.0f}",
    "latency median / 99 %": lambda result: "{latency_us_median:.2f} / {latency_us_p99:.2f} us".format(**result),
    "lanes busy": lambda result: f"{result['lane_utilisation']:.0%}",
    "LUT4": lambda result: f"{result['luts']:,}",
    "block RAMs": lambda result: f"{result['block_rams']}",
}


def table(results: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the table, in Markdown."""
    rows = [list(_COLUMNS), ["---"] * len(_COLUMNS)]
    rows += [[cell(result) for cell in _COLUMNS.values()] for result in results]
    return [f"| {' | '.join(row)} |" for row in rows]
