"""What the tests of both kinds of file share."""

import pytest


@pytest.fixture(params=["small", "profiled"])
def either(request):
    """The test module's small network, without and with activity."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.safetensors"
