"""Synthesis, placement and routing of bare engines: clock and size."""

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from firstspike_spec.common.errors import InputError
from firstspike_spec.common.files import check_writable_folder, needing_room, write_file
from firstspike_spec.compiler.contents import EngineContents

from ..boards.fpga import CONSTRAINTS, Fpga
from ..chain.engine import Engine
from ..flow.bare import Bare
from ..flow.command_lines import DESIGN, NETLIST, ROUTED, SCRIPT_AFTER_READ, STATISTICS, unregistered_block_rams
from ..flow.convert import to_rtlil
from ..flow.figures import achieved_mhz, utilisation
from ..flow.runner import read_json, run_tool
from ..flow.tools import Tool, find_tool

_SOURCE, _SCRIPT, _STAGE = f"{DESIGN}.il", f"{DESIGN}.ys", "implementation.json"

#: Bytes that the smallest design takes.
_ROOM = 5_000_000


class Implementation:
    """Bare engines in an FPGA. Each step is done once, and its result is kept.

    Parameters
    ----------
    contents : EngineContents
        What each engine holds, where the FPGA's memories can hold something at power-up.
    engines : int
    fpga : Fpga
    goal_mhz : float
        The clock that place-and-route works towards.
    folder : Path
        Where everything is kept. Results of another design are deleted.
    toolchain : str
        ``"yowasp"`` or ``"native"``.
    note : callable
        Receives a line on each step.
    """

    def __init__(
        self,
        contents: EngineContents,
        engines: int,
        fpga: Fpga,
        *,
        goal_mhz: float,
        folder: Path,
        toolchain: str,
        note: Callable[[str], None],
    ):
        self._fpga, self._goal_mhz, self._folder, self._note = fpga, goal_mhz, folder, note
        self._yosys, self._nextpnr = find_tool("yosys", toolchain), find_tool(fpga.family.router, toolchain)
        style = fpga.memory_style
        initial = None if style.large_ram else contents  # large RAM holds nothing at power-up
        component = Bare(
            {f"engine_{number}": Engine(contents.shape, initial, memory_style=style) for number in range(engines)}
        )
        design = to_rtlil(component, DESIGN)
        script = "\n".join(
            [
                f"read_rtlil {_SOURCE}",
                SCRIPT_AFTER_READ.replace("; ", "\n"),
                f"{fpga.synthesis} {fpga.family.synthesis} -top {DESIGN} -json {NETLIST}",
                f"tee -q -o {STATISTICS} stat -json",
            ]
        )
        check_writable_folder(folder, room=_ROOM)
        netlist = _digest(design, script, self._yosys.version)
        asked = [*fpga.routing, *fpga.family.routing, str(goal_mhz), *filter(None, [fpga.constraints])]
        self._done = self._known(netlist, _digest(netlist, *asked, self._nextpnr.version))
        (folder / _SOURCE).write_text(design, "utf-8")
        (folder / _SCRIPT).write_text(script, "utf-8")
        (folder / CONSTRAINTS).write_text(fpga.constraints, "utf-8")

    def run(self, seeds: int) -> dict[str, Any]:
        """Synthesise, then place and route with those of the seeds 1, 2, ... that have not been tried yet.

        Returns
        -------
        dict
            ``fmax_mhz`` (min, median, max, and by seed), ``logic``, ``flip_flops``, ``block_rams`` (of the median seed),
            ``versions``.

        Raises
        ------
        InputError
            If a program fails, or the engines do not fit; the message says what to do.
        """
        with needing_room(self._folder):
            by_seed = self._by_seed(seeds)
        clocks = [figures["fmax_mhz"] for figures in by_seed.values()]
        middle = sorted(by_seed.values(), key=lambda figures: figures["fmax_mhz"])[len(by_seed) // 2]
        return {
            "fmax_mhz": {
                "min": min(clocks),
                "median": math.floor(median(clocks) * 100) / 100,
                "max": max(clocks),
                "seeds": {str(seed): figures["fmax_mhz"] for seed, figures in by_seed.items()},
            },
            **{name: middle[name] for name in ("logic", "flip_flops", "block_rams")},
            "versions": {tool.name: tool.version for tool in (self._yosys, self._nextpnr)},
        }

    def _by_seed(self, seeds: int) -> dict[int, dict[str, Any]]:
        """Return the figures of each seed, after doing what is missing."""
        if not self._done["synthesised"]:
            self._note("synthesis ...")
            self._tool(self._yosys, ["-q", _SCRIPT], "synthesis")
            wrong = unregistered_block_rams(read_json(self._folder / NETLIST))
            if wrong:
                raise InputError(f"{len(wrong)} block RAMs lost their output registers in synthesis ({wrong[0]} is one)")
            self._done["synthesised"] = True
            self._save()
        for seed in range(1, seeds + 1):
            if str(seed) not in self._done["seeds"]:
                self._note(f"place-and-route, seed {seed} of {seeds} ...")
                self._done["seeds"][str(seed)] = self._route(seed)
                self._save()
        return {seed: self._done["seeds"][str(seed)] for seed in range(1, seeds + 1)}

    def _route(self, seed: int) -> dict[str, Any]:
        arguments = [
            *self._fpga.routing,
            *self._fpga.family.routing,
            *("--json", NETLIST, "--report", ROUTED, "--seed", str(seed), "--freq", str(self._goal_mhz)),
            *("--timing-allow-fail", "-q"),
        ]
        self._tool(self._nextpnr, arguments, f"place-and-route-{seed}")
        used = utilisation(self._folder, self._fpga.family)
        return {
            "fmax_mhz": achieved_mhz(self._folder),
            **{name: used[name]["used"] for name in ("logic", "flip_flops", "block_rams")},
        }

    def _tool(self, tool: Tool, arguments: list[str], step: str) -> None:
        run_tool(tool, arguments, work=self._folder, log=self._folder / f"{step}.log")

    def _known(self, netlist: str, routing: str) -> dict[str, Any]:
        """Return what earlier runs have done of this work, which the two digests identify."""
        try:
            known = json.loads((self._folder / _STAGE).read_text("utf-8"))
        except (OSError, ValueError):
            known = {}
        synthesised = known.get("netlist") == netlist and known["synthesised"] and (self._folder / NETLIST).is_file()
        seeds = known["seeds"] if synthesised and known["routing"] == routing else {}
        return {"netlist": netlist, "routing": routing, "synthesised": synthesised, "seeds": seeds}

    def _save(self) -> None:
        write_file(self._folder / _STAGE, json.dumps(self._done, indent=1))


def _digest(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)} ".encode() + part.encode())
    return digest.hexdigest()
