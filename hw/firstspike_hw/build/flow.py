"""The command lines of a build, from Amaranth's platform."""

import json

from amaranth.build.run import BuildPlan

from ..boards.board import Board

#: Name of the design's module at the top, and of the files made from it.
DESIGN = "top"
#: Where synthesis and place-and-route leave their figures.
STATISTICS, ROUTED = "stat.json", "routed.json"
#: For each memory with a register behind its read port, synthesis would add logic that makes a word that is read and written
#: in one cycle read as it was before. No such word is ever used (`tests/hw/test_collisions.py`).
_NO_COLLISION_LOGIC = "setparam -set COLLISION_X_MASK 1'1 t:$memrd_v2 r:CLK_ENABLE=1 %i r:TRANSPARENCY_MASK=1'0 %i"
#: The steps behind elaboration. The logs that their programs write themselves, by Amaranth's command lines.
SYNTHESIS, PLACE_AND_ROUTE, PACKING = "synthesis", "place-and-route", "packing"
OWN_LOGS = {SYNTHESIS: f"{DESIGN}.rpt", PLACE_AND_ROUTE: f"{DESIGN}.tim"}


def build_options(board: Board, seed: int) -> dict[str, str]:
    """Return the overrides for Amaranth's platform that make the programs write their figures.

    Place-and-route ends well when the clock is missed; whoever reads its report decides.
    """
    return {
        "synth_opts": board.family.synthesis,
        "script_after_read": _NO_COLLISION_LOGIC,
        "script_after_synth": f"tee -q -o {STATISTICS} stat -json",
        "nextpnr_opts": f"--report {ROUTED} --freq {board.clock_hz / 1e6} --seed {seed} --timing-allow-fail",
    }


def commands(plan: BuildPlan) -> dict[str, list[str]]:
    """Return the command line that Amaranth made for each step."""
    lines = json.loads(plan.files[f"build_{DESIGN}.json"])["commands"]
    return dict(zip((SYNTHESIS, PLACE_AND_ROUTE, PACKING), map(_himbaechel, lines), strict=True))


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
