"""What tests of the gateware share."""

import pytest

from firstspike_hw.memory import lane_memory, loadable_memory
from firstspike_hw.memory.ram import InferredRam

from .bench import LATE_BLOCK_RAMS


@pytest.fixture
def late_block_rams(monkeypatch):
    """Return a style in which all memories are block RAM of an ECP5; they can be simulated."""
    for module in (lane_memory, loadable_memory):
        monkeypatch.setattr(module, "Dp16kd", InferredRam)
    return LATE_BLOCK_RAMS
