"""The encoder's spikes are those of the artefact's code, and its normalisation folds into the first layer."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from firstspike_model.nn import Conv2d, Flatten, LatencyEncoder, Linear, Sequential, Spikes, SpikeTimes, base_two_kernel
from firstspike_spec import InputError, InputTypeError

ALL = torch.arange(256, dtype=torch.uint8)


@pytest.mark.parametrize("kernel", [2, 5, 16, 32, base_two_kernel(4), [9, 4, 3]], ids=str)
def test_a_pixel_rounds_to_the_nearest_level(kernel):
    encoder = LatencyEncoder((256,), kernel)
    levels = encoder.levels(ALL[None])[0]
    kernel = encoder.kernel
    for pixel, level in enumerate(levels.tolist()):
        distances = {int(k): abs(255 * int(k) - pixel * int(kernel[0])) for k in [*kernel, 0]}
        assert distances[int(level)] == min(distances.values())
        assert level == max(k for k, distance in distances.items() if distance == min(distances.values()))
    assert encoder(ALL[None])[0, 255] == 1


def test_each_channel_has_its_thresholds():
    tables = [[200, 100, 50], [256, 20, 20], [3, 2, 1]]
    encoder = LatencyEncoder((3, 16, 16), 3, tables)
    levels = encoder.levels(ALL.reshape(1, 1, 16, 16).expand(1, 3, 16, 16)).flatten(2)[0]
    for table, channel in zip(tables, levels, strict=True):
        for pixel, level in enumerate(channel.tolist()):
            assert level == next((3 - t for t, threshold in enumerate(table) if pixel >= threshold), 0)
    assert encoder.code.thresholds.tolist() == tables


def test_normalised_values_are_what_the_first_layer_sees():
    """With padded places like black pixels: the same as padding the images first."""
    torch.manual_seed(0)
    mean, std = (0.5, 0.25, 0.125), (0.5, 0.25, 2.0)
    encoder = LatencyEncoder((3, 6, 5), 16, mean=mean, std=std)
    convolution = Conv2d(3, 4, 3, padding=1)
    model = Sequential(encoder, convolution, Spikes(step=1e-3), Flatten(), Linear(120, 2))
    model.kind = torch.float32
    images = torch.randint(0, 256, (7, 3, 6, 5), dtype=torch.uint8)
    shares = (images.float() * 16 / 255 + 0.5).floor() / 16
    values = (functional.pad(shares, [1] * 4) - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    assert torch.allclose(encoder(images), values[:, :, 1:-1, 1:-1], atol=1e-6)
    wanted = functional.conv2d(values, convolution.weight, convolution.bias)
    seen = model.run(images)[1]
    assert torch.equal(seen.values, (wanted / 1e-3 + 0.5).floor().clamp(0, 8))
    assert 0 < seen.values.float().mean() < 8


def test_spike_times_are_taken_as_they_are():
    source = SpikeTimes((2, 3), [5, 4, 1])
    times = torch.tensor([[[0, 1, 2], [3, 3, 0]]], dtype=torch.int16)
    assert source.levels(times)[0, 0].tolist() == [[5, 4, 1], [0, 0, 5]]
    assert source(times)[0, 0, 0].tolist() == pytest.approx([1, 0.8, 0.2])
    with pytest.raises(InputError, match=r"spike times must be in 0 \.\. 3, not 0 \.\. 4"):
        source.levels(torch.tensor([[[0, 1, 2], [3, 4, 0]]]))
    with pytest.raises(InputTypeError, match="spike times must be a tensor of integers, not of torch"):
        source.levels(torch.zeros(1, 2, 3))


def test_the_code_gives_the_same_spikes():
    encoder = LatencyEncoder((256,), 8)
    table = np.asarray(encoder.code.thresholds)
    assert table.shape == (1, 8)
    times = (ALL.numpy()[:, None] < table[0]).sum(1)
    assert np.append(encoder.kernel, 0)[times].tolist() == encoder.levels(ALL[None])[0].tolist()
