"""What tests of several packages share."""

import pytest

from firstspike_spec import Dataset, InputError, datasets, load_dataset


@pytest.fixture(scope="session")
def mnist_test() -> Dataset:
    """The MNIST test set; tests that need it are skipped where it is not at hand, for tests download nothing."""
    with pytest.MonkeyPatch.context() as patch:

        def offline(*arguments):
            raise InputError("tests do not download")

        patch.setattr(datasets, "_download", offline)
        try:
            return load_dataset("mnist", "test")
        except InputError:
            pytest.skip("MNIST is not on this machine: set FIRSTSPIKE_DATA")
