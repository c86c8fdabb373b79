"""The spike decoder gives what the code says, and T ends whatever it says."""

import random

import numpy as np
import pytest

from firstspike_hw.link.spike_decoder import SpikeDecoder
from firstspike_spec import InputError
from firstspike_spec.engine import LayerShape
from firstspike_spec.spike_code import decode_spikes, encode_spikes

from ..bench import STALLS, drain, marked, sender, simulate, watch

INPUTS = 1024
SHAPE = LayerShape(10, 1, 4, 8, 4, 8)


def run(codes: list[bytes], time_steps: int, *, stalls=(0, 0)) -> tuple[list[list[tuple[int, int]]], list[int], int]:
    """Send codes; return the tokens of each, whether each was wrong, and the cycles it took."""
    decoder = SpikeDecoder(SHAPE)
    tokens, wrongs, cycles = [], [], []

    async def until_done(ctx):
        ctx.set(decoder.last_step, time_steps - 1)
        cycle = 0
        while len(wrongs) < len(codes):
            *_, done, wrong = await ctx.tick().sample(decoder.done, decoder.wrong)
            cycle += 1
            if done:
                wrongs.append(wrong)
                cycles.append(cycle)
        await ctx.tick().until(~decoder.o.valid)

    items = [item for code in codes for item in marked(code)]
    simulate(
        decoder,
        sender(decoder.i, items, stalls=stalls[0]),
        until_done,
        background=(watch(decoder.o, tokens), drain(decoder.o, stalls=stalls[1])),
        limit=40_000,
    )
    images, image, ends = [], [], 0
    for _, token in tokens:
        image.append(token)
        ends += token[1]
        if ends == time_steps:
            images.append(image)
            image, ends = [], 0
    assert not image
    return images, wrongs, cycles[-1]


def times_of(image: list[tuple[int, int]], time_steps: int) -> np.ndarray:
    times, step = np.full(INPUTS, time_steps), 0
    for address, end in image:
        if end:
            step += 1
        else:
            times[address] = step
    return times


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("time_steps", [2, 5])
def test_codes_become_tokens(stalls, time_steps):
    generator = np.random.default_rng(time_steps)
    images = [
        np.where(generator.random(INPUTS) < share, generator.integers(0, time_steps, INPUTS), time_steps)
        for share in (0.1, 0, 0.002, 1, 0.01, 0)
    ]
    images[2][[0, 1023]] = 0, 1
    got, wrongs, _ = run([encode_spikes(image, time_steps) for image in images], time_steps, stalls=stalls)
    assert len(got) == len(images)
    assert wrongs == [0] * len(images)
    for tokens, image in zip(got, images, strict=True):
        assert np.array_equal(times_of(tokens, time_steps), image)


def test_a_nibble_a_cycle():
    times = np.arange(INPUTS) % 4
    code = encode_spikes(times, 4)
    *_, cycles = run([code] * 3, 4)
    assert cycles <= 3 * (2 * len(code) + 2)


def decoded(code: bytes) -> np.ndarray | str | None:
    """The spike times; a text where the only thing wrong is a second spike; None where the code is wrong."""
    try:
        return decode_spikes(code, INPUTS, 3)
    except InputError as error:
        return str(error) if "two spikes" in str(error) else None


@pytest.mark.parametrize("seed", range(4))
def test_any_bytes_give_t_ends_and_what_is_wrong_is_told(seed):
    """Random bytes, cut and lengthened codes, among right ones: the neighbours are not touched."""
    rng = random.Random(seed)
    right = encode_spikes(np.where(np.arange(INPUTS) % 50 == seed, np.arange(INPUTS) % 3, 3), 3)
    codes = []
    for _ in range(30):
        kind = rng.randrange(5)
        if kind == 0:
            codes.append(rng.randbytes(rng.randrange(1, 40)))
        elif kind == 1:
            codes.append(right[: rng.randrange(1, len(right))])
        elif kind == 2:
            codes.append(right + rng.randbytes(rng.randrange(1, 5)))
        elif kind == 3:
            codes.append(bytes(rng.choice([0xEE, 0xFE, 0xEF, 0xFF]) for _ in range(rng.randrange(1, 30))))
        codes.append(right)
    got, wrongs, _ = run(codes, 3, stalls=(0.1, 0.2))
    assert len(got) == len(codes)
    checked = 0
    for tokens, code, wrong in zip(got, codes, wrongs, strict=True):
        times = decoded(code)
        if times is None:
            assert wrong
            continue
        if isinstance(times, str):
            continue  # a neuron that spikes twice: only a memory of all neurons could tell
        assert not wrong
        assert np.array_equal(times_of(tokens, 3), times)
        checked += 1
    assert checked >= 30 - codes.count(b"")
    assert sum(wrongs) > 5
