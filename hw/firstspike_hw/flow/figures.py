"""Reads the figures that synthesis and place-and-route report."""

import math
import re
from pathlib import Path

from ..boards.family import Family
from .command_lines import ROUTED, STATISTICS
from .runner import read_json

# A line of nextpnr's table "Device utilisation".
_USED = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s", re.MULTILINE)
#: Above this share of an FPGA, placement begins to fail.
CROWDED = 0.9


def utilisation(work: Path, family: Family) -> dict[str, dict[str, int]]:
    """Return what the design uses and what the FPGA has: logic, flip-flops, block RAMs; other cells by nextpnr's names."""
    table = read_json(work / ROUTED)["utilization"]
    counts = {name: {"used": row["used"], "of": row["available"]} for name, row in table.items()}
    logic, block_rams = counts.pop(family.logic), counts.pop(family.block_rams)
    flip_flops = counts.pop(family.flip_flops) if family.flip_flops else _flip_flops(work, logic["of"])
    named = {"logic": logic, "flip_flops": flip_flops, "block_rams": block_rams}
    return {**named, **{name: count for name, count in counts.items() if count["used"]}}


def achieved_mhz(work: Path) -> float:
    """Return the highest clock frequency of the slowest clock domain, after place-and-route; rounded down to 10 kHz."""
    clocks = read_json(work / ROUTED)["fmax"]
    slowest = min(clock["achieved"] for clock in clocks.values())
    return math.floor(round(slowest * 100, 6)) / 100  # 81.24 * 100 is slightly less than 8124


def crowded(log: str, family: Family) -> list[str]:
    """Return the kinds of cells that a design which could not be placed has too many of, with counts, from nextpnr's log."""
    names = {family.logic: "logic cells", family.flip_flops: "flip-flops", family.block_rams: "block RAMs"}
    return [
        f"{int(used):,} of {int(available):,} {names[name]}"
        for name, used, available in _USED.findall(log)
        if name in names and int(used) > CROWDED * int(available)
    ]


def _flip_flops(work: Path, available: int) -> dict[str, int]:
    """Return the use of flip-flops on an iCE40, where each logic cell has one."""
    cells = read_json(work / STATISTICS)["design"]["num_cells_by_type"]
    return {"used": sum(count for name, count in cells.items() if name.startswith("SB_DFF")), "of": available}
