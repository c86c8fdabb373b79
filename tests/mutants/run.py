"""Puts one fault after the other into a copy of the project, and says which test notices it.

The same test must pass without the fault, in the same copy: else it would have noticed nothing.

    python -m tests.mutants.run [WORDS ...]      # those whose names contain a word; all by default

Ends with 1 if a fault was not noticed, and with 2 if a fault no longer fits the source.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .fault import Fault
from .faults import FAULTS

ROOT = Path(__file__).resolve().parents[2]

#: What tests need of the project; results of earlier work are left behind.
_PARTS = ("hw", "sw", "sim", "model", "tests", "networks", "docs", "pyproject.toml", "README.md")
_PACKAGES = ("hw", "sw", "sim", "model")

#: Seconds after which a test that hangs counts as one that has failed.
TIME_LIMIT = 600

JOBS = 2

#: Hypothesis's settings, registered in ``tests/conftest.py``.
PROFILE = "first failure"


def copy_project(folder: Path) -> None:
    """Copy what tests need."""
    for part in _PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_file():
            shutil.copy(source, folder / part)


def failing(folder: Path, tests: tuple[str, ...]) -> str | None:
    """Run tests in a copy; return the first one that fails, if any."""
    paths = os.pathsep.join(str(folder / package) for package in _PACKAGES)
    environment = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "FIRSTSPIKE_THOROUGH": "0"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"--hypothesis-profile={PROFILE}", *tests]
    try:
        result = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return tests[0]
    # 1 says that a test has failed; anything else would be a fault in this check.
    if result.returncode not in (0, 1):
        raise RuntimeError(f"pytest {tests} ended with {result.returncode}:\n{result.stdout[-3000:]}{result.stderr}")
    found = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", result.stdout, re.MULTILINE)
    return found[1] if found else None


def problem(fault: Fault) -> str | None:
    """Return why a fault does not fit the source, if it does not."""
    count = (ROOT / fault.file).read_text().count(fault.right)
    return None if count == 1 else f"{fault.name}: {fault.right!r} stands {count} times in {fault.file}, not once"


def main(words: list[str]) -> int:
    """Try all faults whose names contain one of the words, and say which test notices each."""
    faults = [fault for fault in FAULTS if not words or any(word in fault.name for word in words)]
    problems = [text for text in map(problem, faults) if text]
    if problems or not faults:
        print("\n".join(problems or ["no fault has such a name"]), file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / str(number) for number in range(JOBS)]
        for folder in folders:
            copy_project(folder)
        free = list(folders)

        def attempt(fault: Fault) -> str | None:
            folder, start = free.pop(), time.monotonic()
            file = folder / fault.file
            text = file.read_text()
            try:
                file.write_text(text.replace(fault.right, fault.wrong))
                noticed = failing(folder, fault.tests)
                file.write_text(text)
                if noticed and failing(folder, (noticed,)):
                    raise RuntimeError(f"{noticed} fails without a fault: {fault.name}")
            finally:
                file.write_text(text)
                free.append(folder)
            seconds = time.monotonic() - start
            print(f"{f'noticed by {noticed}' if noticed else 'NOT NOTICED'}: {fault.name} ({seconds:.0f} s)", flush=True)
            return noticed

        with ThreadPoolExecutor(JOBS) as pool:
            outcomes = list(pool.map(attempt, faults))
    caught = sum(noticed is not None for noticed in outcomes)
    print(f"{caught} of {len(outcomes)} faults noticed")
    return 0 if caught == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
