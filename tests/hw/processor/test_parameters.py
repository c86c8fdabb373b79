"""What the parts of a processor exchange."""

from dataclasses import replace

import pytest

from firstspike_hw.processor.parameters import CALL_SLACK, ProcessorParameters
from firstspike_spec import InputError

from .lane.test_lane import SMALL


def test_a_queue_must_hold_the_calls_on_their_way():
    assert ProcessorParameters(SMALL).call_slack == CALL_SLACK
    assert ProcessorParameters(replace(SMALL, queue_depth=8), call_slack=6)
    with pytest.raises(InputError, match="queue_depth must be at least 14 for a call slack of 12, not 8"):
        ProcessorParameters(replace(SMALL, queue_depth=8))
    with pytest.raises(InputError, match="call_slack must be"):
        ProcessorParameters(SMALL, call_slack=-1)


def test_words_have_the_widths_of_the_shape():
    parameters = ProcessorParameters(SMALL)
    assert parameters.call.size == 5 + 7 + 3
    assert parameters.step.size == 2 + 8 + 2 + 3 + 2 * 4
    assert parameters.fired.size == 12 + 3 + 2 + 2 * 4
    assert parameters.spike.size == SMALL.spike.bits
    assert parameters.entry.size == SMALL.entry.bits
    assert parameters.row.size == SMALL.pointer.bits + 1 + 7 + 3
