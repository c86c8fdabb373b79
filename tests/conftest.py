"""What tests of several packages share."""

import functools

import pytest
from hypothesis import Phase, settings

from firstspike_spec import Dataset, InputError, load_dataset
from firstspike_spec.datasets import published

from .summary import pytest_terminal_summary  # noqa: F401 - pytest finds it here

#: For deliberate faults: that a random case fails is enough, and the smallest one is not looked for.
settings.register_profile("first failure", phases=[Phase.explicit, Phase.generate], database=None)


class NotHere(InputError):
    """A data set would have to be downloaded."""


def load_offline(name: str) -> Dataset:
    """A test set; tests that need it are skipped where it is not at hand, for tests download nothing."""
    with pytest.MonkeyPatch.context() as patch:

        def offline(*arguments):
            raise NotHere("tests do not download")

        patch.setattr(published, "download", offline)
        try:
            return load_dataset(name, "test")
        except NotHere:  # one that is damaged is no reason to skip a test
            pytest.skip(f"{name} is not on this machine: set FIRSTSPIKE_DATA")


@pytest.fixture(scope="session")
def test_sets():
    """Test sets by name, each loaded once."""
    return functools.cache(load_offline)


@pytest.fixture(scope="session")
def mnist_test(test_sets) -> Dataset:
    """The MNIST test set."""
    return test_sets("mnist")


def pytest_itemcollected(item):
    """Refuse names of tests that differ from process to process: workers that collect other names refuse to run anything."""
    if " at 0x" in item.nodeid:
        raise pytest.UsageError(f"the name of this test has an address in memory; give its parameters ids: {item.nodeid}")
