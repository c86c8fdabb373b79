"""The link's code for spikes, against a writer of plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import InputError, LatencyEncoder
from firstspike_spec.protocol.spike_code import decode_spikes, encode_spikes


def written_out(times: list[int], time_steps: int) -> bytes:
    """The code, as its table says, one input after the other."""
    nibbles = []
    for step in range(time_steps):
        gap = 0
        for time in times:
            if time != step:
                gap += 1
                continue
            while gap >= 269:
                nibbles += [14, 15, 15]
                gap -= 269
            nibbles += [gap] if gap < 14 else [14, (gap - 14) % 16, (gap - 14) // 16]
            gap = 0
        nibbles.append(15)
    if len(nibbles) % 2:
        nibbles.append(0)
    return bytes(low + 16 * high for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_equals_plain_loops_and_decodes_to_the_same_spikes(data):
    time_steps = data.draw(st.sampled_from([2, 3, 4, 8, 16]))
    inputs = data.draw(st.sampled_from([1, 2, 15, 270, 283, 284, 285, 538, 600]))
    share = data.draw(st.sampled_from([0, 0.005, 0.1, 1]))
    generator = np.random.default_rng(data.draw(st.integers(0, 1 << 30)))
    times = np.where(generator.random(inputs) < share, generator.integers(0, time_steps, inputs), time_steps).astype(np.int16)
    code = encode_spikes(times, time_steps)
    assert code == written_out(times.tolist(), time_steps)
    assert np.array_equal(decode_spikes(code, inputs, time_steps), times)


@pytest.mark.parametrize("gap", [0, 13, 14, 29, 30, 268, 269, 270, 537, 538, 1000, 65534])
def test_every_kind_of_gap(gap):
    times = np.full(gap + 2, 3, np.int16)
    times[gap], times[gap + 1] = 1, 0
    code = encode_spikes(times, 3)
    assert code == written_out(times.tolist(), 3)
    assert np.array_equal(decode_spikes(code, len(times), 3), times)


def test_no_spikes_are_only_ends():
    assert encode_spikes(np.full(784, 4), 4) == b"\xff\xff"
    assert encode_spikes(np.full(784, 3), 3) == b"\xff\x0f"


@pytest.mark.parametrize(
    ("nibbles", "message"),
    [
        ([], "ends in step 0"),
        ([3, 15], "ends in step 1"),
        ([3, 15, 14, 2], "ends within a gap, in step 1"),
        ([10, 15, 15, 0], "a spike of input 10; there are 10 inputs"),
        ([9, 0, 15, 15], "a spike of input 10;"),
        ([14, 0, 0, 15, 15, 0], "a spike of input 14;"),
        ([3, 15, 3, 15], "two spikes of input 3"),
        ([15, 15, 15, 0], "goes on after 2 ends"),
        ([15, 15, 0, 0], "goes on after 2 ends"),
        ([3, 15, 15, 1], "goes on after 2 ends"),
    ],
)
def test_a_wrong_code_is_refused(nibbles, message):
    code = bytes(low + 16 * high for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    with pytest.raises(InputError, match=message):
        decode_spikes(code, 10, 2)


def test_an_average_digit_is_within_160_bytes(mnist_test):
    times = LatencyEncoder([192, 128, 64, 16]).encode(mnist_test.images[:1000].reshape(1000, -1))
    lengths = [len(encode_spikes(image, 4)) for image in times]
    assert np.mean(lengths) < 135
