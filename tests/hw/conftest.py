"""What tests of the gateware share."""

import pytest

from firstspike_hw.memory import lane_memory
from firstspike_hw.memory.ram import InferredRam


@pytest.fixture
def block_rams_with_output_registers(monkeypatch):
    """Every `LaneMemory` is made as of block RAM of an ECP5, out of memories that can be simulated."""
    monkeypatch.setattr(lane_memory, "has_dp16kd", lambda platform: True)
    monkeypatch.setattr(lane_memory, "Dp16kd", InferredRam)
    monkeypatch.setattr(lane_memory, "MOST_LUT_RAM_WORDS", 0)
    monkeypatch.setattr(lane_memory, "MOST_LATE_LUT_RAM_BITS", 0)
