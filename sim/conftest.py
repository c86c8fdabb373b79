"""What the benches share."""

import pytest

from firstspike_sim.runner import RUNS


@pytest.fixture(autouse=True)
def _record_values(record_property):
    """Record for the reports how many values a test's runs compared."""
    before = len(RUNS)
    yield
    record_property("values", sum(run.compared_values for run in RUNS[before:]))
