"""Runs all levels of verification, two at a time, and prints a table: what ran, how much was compared, how long it took.

    python -m tests.verify [LEVELS ...]      # all by default

Ends with 1 if a level failed. What each one printed is in ``build/verify``.
"""

import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "verify"

_PYTHON = [sys.executable, "-m"]
_PYTEST = [*_PYTHON, "pytest", "-q"]
_PROOFS = ["tests/hw/formal"]
_LONG = ["tests/e2e/test_four_models.py", "tests/e2e/test_endurance.py"]

#: Networks that ship, and the lanes of the engine that runs their whole test set.
_NETWORKS = {
    "fashion-conv": "8,16,4",
    "mnist-conv": "6,28,5",
    "fashion-mlp": "16",
    "mnist-mlp": "16",
    "mnist-mlp-2": "32",
    "mnist-mlp-448": "30",
    "mnist-mlp-200": "8",
    "mnist-mlp-88": "4",
}


@dataclass(frozen=True)
class Level:
    """A level of verification.

    Parameters
    ----------
    meaning : str
    command : list of str
    thorough : bool
        With ``FIRSTSPIKE_THOROUGH=1``.
    """

    meaning: str
    command: list[str]
    thorough: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a level gave."""

    passed: bool
    ran: str
    values: int
    seconds: float


def _validation(name: str) -> Level:
    lanes = _NETWORKS[name]
    command = [str(Path(sys.executable).with_name("firstspike")), "validate", f"networks/{name}.safetensors"]
    command += ["--device", "engine", "--lanes", lanes, "--json"]
    return Level(f"the whole test set on the RTL, {lanes} lanes", command)


LEVELS = {
    # The longest first: what is left is shared out over two cores.
    "tests": Level(
        "tests of all packages; what lines and branches they come to",
        [*_PYTEST, "tests", *(f"--ignore={path}" for path in [*_PROOFS, *_LONG]), "--cov"],
        thorough=True,
    ),
    "proofs": Level("bounded and inductive proofs", [*_PYTEST, *_PROOFS], thorough=True),
    "sim": Level("cocotb benches on the generated Verilog, situations reached", [*_PYTEST, "sim"], thorough=True),
    "long": Level("1,800 random networks through four models; 200,000 images", [*_PYTEST, *_LONG], thorough=True),
    "mutants": Level("deliberate faults, each noticed", [*_PYTHON, "tests.mutants.run"]),
    **{f"network {name}": _validation(name) for name in _NETWORKS},
}


def run(name: str, level: Level) -> Outcome:
    """Run a level, and keep what it prints."""
    slug = name.replace(" ", "-")
    report = LOGS / f"{slug}.xml"
    report.unlink(missing_ok=True)
    command = [*level.command, f"--junit-xml={report}"] if "pytest" in level.command else level.command
    # Two levels at a time have a core each.
    environment = os.environ | {"FIRSTSPIKE_THOROUGH": str(int(level.thorough)), "OMP_NUM_THREADS": "1"}
    start = time.monotonic()
    with (LOGS / f"{slug}.log").open("w") as log, (LOGS / f"{slug}.out").open("w+") as output:
        result = subprocess.run(command, cwd=ROOT, env=environment, stdout=output, stderr=log, check=False)
        output.seek(0)
        said = output.read()
    seconds = time.monotonic() - start
    if report.is_file():
        suite = ElementTree.parse(report).getroot().find("testsuite")
        count, skipped = int(suite.get("tests")), int(suite.get("skipped"))
        values = sum(int(item.get("value")) for item in suite.iter("property") if item.get("name") == "values")
        ran = f"{count - skipped} tests" + (f", {skipped} skipped" if skipped else "")
        covered = re.search(r"^TOTAL.* (\S+%)$", said, re.MULTILINE)
        ran += f"; coverage {covered[1]}" if covered else ""
    elif "--json" in level.command and result.returncode == 0:
        told = json.loads(said)
        values, ran = told["compared_values"], f"{told['images']:,} images, {told['mismatches']} differ"
    else:
        values, ran = 0, (said.strip().splitlines() or ["nothing"])[-1]
    return Outcome(result.returncode == 0, ran, values, seconds)


def main(names: list[str]) -> int:
    """Run levels and print the table."""
    unknown = [name for name in names if name not in LEVELS]
    if unknown:
        print(f"unknown level {unknown[0]!r}: name one of {', '.join(map(repr, LEVELS))}", file=sys.stderr)
        return 2
    LOGS.mkdir(parents=True, exist_ok=True)
    chosen = {name: level for name, level in LEVELS.items() if not names or name in names}
    start = time.monotonic()

    def attempt(item: tuple[str, Level]) -> Outcome:
        name, level = item
        print(f"{name}: {level.meaning} ...", flush=True)
        outcome = run(name, level)
        print(f"{name}: {'passed' if outcome.passed else 'FAILED'}, {outcome.ran}, {outcome.seconds:,.0f} s", flush=True)
        return outcome

    with ThreadPoolExecutor(2) as pool:
        outcomes = dict(zip(chosen, pool.map(attempt, chosen.items()), strict=True))
    table = Table("level", "what", "verdict", "ran", "values compared", "minutes")
    for name, outcome in outcomes.items():
        verdict = "passed" if outcome.passed else "FAILED"
        values = f"{outcome.values:,}" if outcome.values else ""
        table.add_row(name, chosen[name].meaning, verdict, outcome.ran, values, f"{outcome.seconds / 60:.1f}")
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    print(f"{(time.monotonic() - start) / 60:.0f} minutes; what each level printed is in {LOGS.relative_to(ROOT)}")
    return 0 if all(outcome.passed for outcome in outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
