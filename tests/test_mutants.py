"""The list of faults fits the source, so that `make mutants` can try all of them."""

from pathlib import Path

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
