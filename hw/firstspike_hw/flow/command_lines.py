"""The command lines of a build, from Amaranth's platform."""

import json
import re
from typing import Any

from amaranth.build.run import BuildPlan

from ..boards.board import Board

#: Name of the design's module at the top, and of the files made from it.
DESIGN = "top"
#: Where synthesis and place-and-route leave their figures.
STATISTICS, ROUTED = "stat.json", "routed.json"
#: Where synthesis leaves its result, by Amaranth's command lines.
NETLIST = f"{DESIGN}.json"
#: For each memory with a register behind its read port, synthesis would add logic that makes a word that is read and written
#: in one cycle read as it was before. No such word is ever used (`tests/hw/memory/test_collisions.py`).
NO_COLLISION_LOGIC = "setparam -set COLLISION_X_MASK 1'1 t:$memrd_v2 r:CLK_ENABLE=1 %i r:TRANSPARENCY_MASK=1'0 %i"
#: A small adder or comparison takes fewer LUTs than its carry chain would: it becomes plain logic. What comes before that is
#: the beginning of every synthesis: it makes adders as narrow as they can be.
_SMALL_ADDERS_WITHOUT_CARRY = (
    "hierarchy -top top; proc; flatten; opt_expr; opt_clean; opt; wreduce; peepopt; opt_clean; "
    "techmap t:$add r:Y_WIDTH<=6 %i; techmap t:$sub r:Y_WIDTH<=6 %i; "
    "techmap t:$lt t:$le t:$gt t:$ge %u %u %u r:A_WIDTH<=6 %i; opt"
)
#: What synthesis begins with, behind reading the design.
SCRIPT_AFTER_READ = f"{NO_COLLISION_LOGIC}; {_SMALL_ADDERS_WITHOUT_CARRY}"
# The cells that loadable memories become: `InferredRam`'s, which Yosys numbers, and `Dp16kd`'s.
_LOADABLE_MEMORY = re.compile(r"(^|\.)(inferred\.\d+\.\d+|block_\d+_\d+)$")
#: The steps behind elaboration. The logs that their programs write themselves, by Amaranth's command lines.
SYNTHESIS, PLACE_AND_ROUTE, PACKING = "synthesis", "place-and-route", "packing"
OWN_LOGS = {SYNTHESIS: f"{DESIGN}.rpt", PLACE_AND_ROUTE: f"{DESIGN}.tim"}


def build_options(board: Board, seed: int) -> dict[str, str]:
    """Return the overrides for Amaranth's platform that make the programs write their figures.

    Place-and-route ends well when the clock is missed; whoever reads its report decides.
    """
    asked = ["--report", ROUTED, "--freq", str(board.clock_hz / 1e6), "--seed", str(seed), "--timing-allow-fail"]
    return {
        "synth_opts": board.family.synthesis,
        "script_after_read": SCRIPT_AFTER_READ,
        "script_after_synth": f"tee -q -o {STATISTICS} stat -json",
        "nextpnr_opts": " ".join([*board.family.routing, *asked]),
    }


def commands(plan: BuildPlan) -> dict[str, list[str]]:
    """Return the command line that Amaranth made for each step."""
    lines = json.loads(plan.files[f"build_{DESIGN}.json"])["commands"]
    return dict(zip((SYNTHESIS, PLACE_AND_ROUTE, PACKING), map(_himbaechel, lines), strict=True))


def unregistered_block_rams(netlist: dict[str, Any]) -> list[str]:
    """Return the names of the ECP5 block RAMs that loadable memories have without output registers; there should be none.

    Parameters
    ----------
    netlist : dict
        What Yosys's ``write_json`` wrote, after synthesis.
    """
    return sorted(
        name
        for module in netlist["modules"].values()
        for name, cell in module["cells"].items()
        if cell["type"] == "DP16KD"
        and _LOADABLE_MEMORY.search(name)
        and {cell["parameters"].get(f"REGMODE_{port}") for port in "AB"} != {"OUTREG"}
    )


def _himbaechel(command: list[str]) -> list[str]:
    """Translate the command line of ``nextpnr-gowin``, which Amaranth 0.5 still makes, to that of its successor."""
    if command[0] != "nextpnr-gowin":
        return command
    translated = ["nextpnr-himbaechel"]
    for word in command[1:]:
        if word in ("--family", "--cst"):
            translated += ["--vopt", f"{word[2:]}="]
        elif translated[-1] in ("family=", "cst="):
            translated[-1] += word
        else:
            translated.append(word)
    return translated
