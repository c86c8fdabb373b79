"""What the tests of calibration share."""

import pytest

from firstspike_model.calibration.held_back import held_back_images
from firstspike_spec import load_dataset


@pytest.fixture(scope="module")
def held_back(network, digits_folder):
    return held_back_images(network, load_dataset("digits", "train", digits_folder))
