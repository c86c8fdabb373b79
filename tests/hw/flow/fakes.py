"""Fake programs of a toolchain: they write the files that the real ones would write, at once."""

import json
from pathlib import Path

#: The report of the fake place-and-route, unless a test sets another one.
ROUTED = {
    "fmax": {"$glbnet$clk": {"achieved": 91.25, "constraint": 75.0}},
    "utilization": {
        "TRELLIS_COMB": {"used": 1200, "available": 24288},
        "TRELLIS_FF": {"used": 800, "available": 24288},
        "DP16KD": {"used": 7, "available": 56},
        "EHXPLLL": {"used": 1, "available": 2},
        "MULT18X18D": {"used": 0, "available": 28},
    },
}
FULL_LOG = """Info: Device utilisation:
Info: 	              DP16KD:      61/     56   108%
Info: 	        TRELLIS_COMB:   23001/  24288    94%
Info: 	          TRELLIS_FF:    5216/  24288    21%
Info: 	             EHXPLLL:       2/      2   100%
"""

_SCRIPT = """#!/bin/sh
if [ "$1" = --version ]; then echo "{name} {version}"; exit 0; fi
echo "$@" >> "{folder}/{name}.calls"
{body}
"""


class Toolchain:
    """Fake programs for the ECP5 in a folder, which the test puts on PATH.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.synthesize({})
        self.route(ROUTED)
        self.write("ecppack", "printf bits > top.bit; echo packed")

    def write(self, name: str, body: str, version: str = "1.0") -> None:
        """Put a program into the folder: a shell script that runs in the build's folder."""
        path = self.folder / name
        path.write_text(_SCRIPT.format(name=name, version=version, folder=self.folder, body=body))
        path.chmod(0o755)

    def synthesize(self, cells: dict, version: str = "1.0") -> None:
        """Let synthesis succeed with these cells."""
        netlist = json.dumps({"modules": {"top": {"cells": cells}}})
        self.write("yosys", f"echo synthesised > top.rpt; echo '{netlist}' > top.json", version)

    def route(self, report: dict) -> None:
        """Let place-and-route succeed with this report."""
        self.write("nextpnr-ecp5", f"echo routed > top.tim; echo '{json.dumps(report)}' > routed.json")

    def calls(self, name: str) -> list[str]:
        """Return the arguments of each call of a program."""
        path = self.folder / f"{name}.calls"
        return path.read_text().splitlines() if path.exists() else []
