"""The command lines of a build, as Amaranth's platform makes them."""

import json
import re
from typing import Any

from amaranth.build.run import BuildPlan

from ..boards.board import Board

#: Name of the design's top module, and of the files made from it.
DESIGN = "top"
#: Files in which synthesis and place-and-route leave their figures.
STATISTICS, ROUTED = "stat.json", "routed.json"
#: File in which synthesis leaves its result, as Amaranth's command lines say.
NETLIST = f"{DESIGN}.json"
#: For each memory with a registered read port, synthesis would add logic for words that are read and written in the same
#: cycle, so that the read returns the old word. Such a word is never used (`tests/hw/memory/test_collisions.py`).
NO_COLLISION_LOGIC = "setparam -set COLLISION_X_MASK 1'1 t:$memrd_v2 r:CLK_ENABLE=1 %i r:TRANSPARENCY_MASK=1'0 %i"
#: A small adder or comparison takes fewer LUTs as plain logic than as a carry chain. The passes before the mapping are those
#: that every synthesis begins with; they make the adders as narrow as possible.
_SMALL_ADDERS_WITHOUT_CARRY = (
    "hierarchy -top top; proc; flatten; opt_expr; opt_clean; opt; wreduce; peepopt; opt_clean; "
    "techmap t:$add r:Y_WIDTH<=6 %i; techmap t:$sub r:Y_WIDTH<=6 %i; "
    "techmap t:$lt t:$le t:$gt t:$ge %u %u %u r:A_WIDTH<=6 %i; opt"
)
#: Commands that synthesis runs after it has read the design.
SCRIPT_AFTER_READ = f"{NO_COLLISION_LOGIC}; {_SMALL_ADDERS_WITHOUT_CARRY}"
# Cells that implement loadable memories: those of `InferredRam`, which Yosys numbers, and those of `Dp16kd`.
_LOADABLE_MEMORY = re.compile(r"(^|\.)(inferred\.\d+\.\d+|block_\d+_\d+)$")
#: The steps after elaboration, and the logs that their programs write themselves, as Amaranth's command lines say.
SYNTHESIS, PLACE_AND_ROUTE, PACKING = "synthesis", "place-and-route", "packing"
OWN_LOGS = {SYNTHESIS: f"{DESIGN}.rpt", PLACE_AND_ROUTE: f"{DESIGN}.tim"}


def build_options(board: Board, seed: int) -> dict[str, str]:
    """Return overrides for Amaranth's platform that make the programs write their figures.

    Place-and-route then succeeds even if it misses the clock; the caller checks its report.
    """
    options = ["--report", ROUTED, "--freq", str(board.clock_hz / 1e6), "--seed", str(seed), "--timing-allow-fail"]
    return {
        "synth_opts": board.family.synthesis,
        "script_after_read": SCRIPT_AFTER_READ,
        "script_after_synth": f"tee -q -o {STATISTICS} stat -json",
        "nextpnr_opts": " ".join([*board.family.routing, *options]),
    }


def commands(plan: BuildPlan) -> dict[str, list[str]]:
    """Return the command line that Amaranth made for each step."""
    lines = json.loads(plan.files[f"build_{DESIGN}.json"])["commands"]
    return dict(zip((SYNTHESIS, PLACE_AND_ROUTE, PACKING), map(_himbaechel, lines), strict=True))


def unregistered_block_rams(netlist: dict[str, Any]) -> list[str]:
    """Return the names of ECP5 block RAMs of loadable memories that lack output registers; there should be none.

    Parameters
    ----------
    netlist : dict
        The output of Yosys's ``write_json`` after synthesis.
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
    """Translate a command line for ``nextpnr-gowin``, which Amaranth 0.5 still makes, to one for its successor."""
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
