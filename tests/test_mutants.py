"""The list of faults fits the source, so that `make mutants` can try all of them."""

import re
from pathlib import Path

import pytest

from .mutants.faults import FAULTS
from .mutants.run import ROOT, problem


def test_every_fault_fits_the_source():
    assert [text for text in map(problem, FAULTS) if text] == []


def test_faults_are_many_and_different():
    assert (
        len({(fault.file, fault.wrong, fault.right) for fault in FAULTS})
        == len({fault.name for fault in FAULTS})
        == len(FAULTS)
        >= 30
    )
    assert all(fault.right != fault.wrong for fault in FAULTS)
    assert all(Path(ROOT / test).is_file() for fault in FAULTS for test in fault.tests)


@pytest.mark.parametrize("page", ["Makefile", "README.md", "docs/verification.md"])
def test_pages_that_count_the_faults_count_right(page):
    counted = re.findall(r"(\d+) deliberate faults", (ROOT / page).read_text("utf-8"))
    assert set(counted) <= {str(len(FAULTS))}
