"""The spike decoder gives the tokens of a code, and T ends of steps whatever the bytes are."""

import random

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.lib import data

from firstspike_hw.lib.layouts import input_layout
from firstspike_hw.link.core.spike_decoder import SpikeDecoder
from firstspike_spec import InputError
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.shapes import OutputShape
from firstspike_spec.protocol.spike_code import END_OF_STEP, LONG_GAP, SKIP, decode_spikes, encode_spikes

from ...bench import STALLS, drain, marked, sender, simulate, watch

INPUTS = 1023


def decoder_of(shape: EngineShape) -> SpikeDecoder:
    return SpikeDecoder(shape.source_bits, input_layout(shape))


def run(
    codes: list[bytes], time_steps: int, *, inputs=INPUTS, spikes_per_token=1, stalls=(0, 0)
) -> tuple[list[list[tuple[int, ...]]], list[int], int]:
    """Send codes; return the tokens of each, whether each was wrong, and the cycles it took."""
    output = OutputShape(inputs.bit_length(), 2, 4, 8)
    decoder = decoder_of(EngineShape((), output, spikes_per_token=spikes_per_token, time_steps=time_steps))
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
        assert not any(token[3:-1:2]), "a second spike"
        assert token[1] != token[-1], "a token must be a spike or an end"
        image.append((token[0], token[-1]))
        ends += token[-1]
        if ends == time_steps:
            images.append(image)
            image, ends = [], 0
    assert not image
    return images, wrongs, cycles[-1]


def times_of(image: list[tuple[int, int]], time_steps: int, inputs: int = INPUTS) -> np.ndarray:
    times, step = np.full(inputs, time_steps), 0
    for address, end in image:
        if end:
            step += 1
        else:
            assert times[address] == time_steps, "a second spike of one neuron"
            times[address] = step
    return times


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize(("time_steps", "spikes_per_token"), [(2, 1), (5, 2)])
def test_codes_become_tokens(stalls, time_steps, spikes_per_token):
    generator = np.random.default_rng(time_steps)
    images = [
        np.where(generator.random(INPUTS) < share, generator.integers(0, time_steps, INPUTS), time_steps)
        for share in (0.1, 0, 0.002, 1, 0.01, 0)
    ]
    images[2][[0, 1022]] = 0, 1
    codes = [encode_spikes(image, time_steps) for image in images]
    got, wrongs, _ = run(codes, time_steps, spikes_per_token=spikes_per_token, stalls=stalls)
    assert len(got) == len(images)
    assert wrongs == [0] * len(images)
    for tokens, image in zip(got, images, strict=True):
        assert np.array_equal(times_of(tokens, time_steps), image)


@pytest.mark.parametrize("time_steps", [2, 256])
def test_the_longest_and_shortest_inference(time_steps):
    """Images of one spike or none directly follow each other, so that ends follow ends."""
    images = [np.full(INPUTS, time_steps) for _ in range(4)]
    images[1][5], images[3][7] = 0, time_steps - 1
    got, wrongs, _ = run([encode_spikes(image, time_steps) for image in images], time_steps)
    assert wrongs == [0] * 4
    for tokens, image in zip(got, images, strict=True):
        assert np.array_equal(times_of(tokens, time_steps), image)


def test_a_nibble_a_cycle():
    """And some more cycles for each code, from its last nibble to the next code's first."""
    times = np.arange(INPUTS) % 4
    code = encode_spikes(times, 4)
    *_, cycles = run([code] * 3, 4)
    assert cycles <= 3 * (2 * len(code) + 3) + 1


def test_latency():
    """A byte's tokens come 4 and 5 cycles after the byte is on offer."""
    decoder, offers = decoder_of(EngineShape((), OutputShape(4, 2, 4, 8), 1, 2)), []

    async def send(ctx):
        ctx.set(decoder.last_step, 1)
        ctx.set(decoder.o.ready, 1)
        ctx.set(decoder.i.valid, 1)
        ctx.set(decoder.i.p.data, 0xF0)
        await ctx.tick().repeat(8)

    simulate(decoder, send, background=(watch(decoder.o, offers),))
    assert [cycle for cycle, _token in offers[:2]] == [SpikeDecoder.latency, SpikeDecoder.latency + 1]
    assert SpikeDecoder.latency == 4


def decoded(code: bytes, inputs: int) -> np.ndarray | str:
    """Return the spike times of a code of three steps, or what is wrong with it."""
    try:
        return decode_spikes(code, inputs, 3)
    except InputError as error:
        return str(error)


def model(code: bytes, inputs: int, time_steps: int) -> tuple[list[tuple[int, int]], bool]:
    """Return the tokens for any bytes, and whether something is wrong with them."""
    nibbles = [nibble for byte in code for nibble in (byte & 15, byte >> 4)]
    tokens, neuron, at, ends, wrong = [], 0, 0, 0, False
    while ends < time_steps:
        nibble, at = nibbles[at] if at < len(nibbles) else None, at + 1
        if nibble == LONG_GAP and at + 2 > len(nibbles):
            nibble = None
        if nibble is None:
            return tokens + [(0, 1)] * (time_steps - ends), True
        if nibble == END_OF_STEP:
            tokens.append((0, 1))
            neuron, ends = 0, ends + 1
            continue
        gap = nibble
        if nibble == LONG_GAP:
            gap, at = LONG_GAP + nibbles[at] + 16 * nibbles[at + 1], at + 2
        neuron += gap
        if gap != SKIP:
            tokens += [(neuron, 0)] * (neuron < inputs)
            wrong |= neuron >= inputs
            neuron += 1
    return tokens, wrong or len(nibbles) - at > 1 or any(nibbles[at:])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("inputs", [INPUTS, 511, 7, 1])
def test_any_bytes_give_t_ends_and_errors_are_reported(inputs, seed):
    """Random bytes, cut and lengthened codes, spikes beyond the last neuron; right codes between them are not affected."""
    rng = random.Random(seed)
    right = encode_spikes(np.where(np.arange(inputs) % 50 == seed, np.arange(inputs) % 3, 3), 3)
    codes = []
    for _ in range(30):
        kind = rng.randrange(7)
        if kind == 0:
            codes.append(rng.randbytes(rng.randrange(1, 40)))
        elif kind == 1:
            codes.append(right[: rng.randrange(1, len(right))] if len(right) > 1 else b"\x01")
        elif kind == 2:
            codes.append(right + rng.randbytes(rng.randrange(1, 5)))
        elif kind == 3:
            codes.append(bytes(rng.choice([0xEE, 0xFE, 0xEF, 0xFF]) for _ in range(rng.randrange(1, 30))))
        elif kind == 4:
            # The last neuron, the one after it, or one far beyond.
            times = np.full(inputs + 3000, 3)
            times[[inputs - 1, inputs - 1 + rng.choice([0, 1, 2, 256, 1024, rng.randrange(3000)])]] = rng.randrange(3)
            codes.append(encode_spikes(times, 3))
        elif kind == 5:
            # Three ends and a surplus nibble.
            codes.append(bytes([0xFF, 0x0F | rng.randrange(16) << 4]))
        codes.append(right)
    got, wrongs, _ = run(codes, 3, inputs=inputs, stalls=(0.1, 0.2))
    assert len(got) == len(codes)
    for tokens, code, wrong in zip(got, codes, wrongs, strict=True):
        plain = [(0 if end else address, end) for address, end in tokens]
        assert (plain, wrong) == model(code, inputs, 3)
        times = decoded(code, inputs)
        if isinstance(times, str):
            # Only a memory of all neurons could detect two spikes of one neuron.
            assert wrong or "two spikes" in times
        else:
            assert not wrong
            assert np.array_equal(times_of(tokens, 3, inputs), times)
    assert 5 < sum(wrongs) <= len(codes) - 30


def test_a_reset_ends_a_code_that_has_begun():
    """The code is wrong, and the reset comes after any number of cycles; then a right code comes."""
    rng = random.Random(3)
    right = encode_spikes(np.where(np.arange(INPUTS) % 99 == 8, np.arange(INPUTS) % 4, 4), 4)
    for _ in range(40):
        decoder, reset = decoder_of(EngineShape((), OutputShape(10, 2, 4, 8), 1, 4)), Signal()
        tokens = []

        async def drive(ctx, decoder=decoder, reset=reset, tokens=tokens):
            ctx.set(decoder.last_step, 3)
            ctx.set(decoder.i.valid, 1)
            # Four skips and spikes beyond the last neuron, or random bytes.
            wrong = [0xFE, 0xEF, 0xFF] * 2 + [0x11] * 20 if rng.random() < 0.5 else rng.randbytes(30)
            at = 0
            for _ in range(rng.randrange(1, 40)):
                ctx.set(decoder.i.p.data, wrong[at])
                ctx.set(decoder.i.p.last, at == 20)
                ctx.set(decoder.o.ready, rng.random() < 0.8)
                *_, taken = await ctx.tick().sample(decoder.i.ready)
                at += taken
            ctx.set(decoder.i.valid, 0)
            ctx.set(decoder.o.ready, 0)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            assert not ctx.get(decoder.o.valid)
            tokens.clear()
            ctx.set(decoder.o.ready, 1)
            await sender(decoder.i, marked(right))(ctx)
            *_, wrong = await ctx.tick().sample(decoder.wrong).until(decoder.done)
            assert not wrong
            await ctx.tick().until(~decoder.o.valid)

        simulate(ResetInserter(reset)(decoder), drive, background=(_note_tokens(decoder, tokens),))
        assert (tokens, False) == model(right, INPUTS, 4)


def _note_tokens(decoder: SpikeDecoder, into: list[tuple[int, int]]):
    async def testbench(ctx):
        while True:
            *_, valid, ready, token = await ctx.tick().sample(decoder.o.valid, decoder.o.ready, decoder.o.payload)
            if valid and ready:
                into.append((0 if token.end else int(token.address_0), int(token.end)))

    return testbench


def test_inputs_beyond_the_last_one_are_dropped_and_reported():
    """With ``limited``, of a code with all numbers up to some only those of inputs come, and the code is wrong."""
    layout = data.StructLayout({"address_0": 16, "valid_0": 1, "end": 1})
    for last, given in ((0, 1), (6, 7), (6, 12), (300, 301), (300, 400)):
        decoder, tokens, wrongs = SpikeDecoder(16, layout, limited=True), [], []
        code = encode_spikes(np.zeros(given, np.int16), 2)

        async def until_done(ctx, decoder=decoder, wrongs=wrongs, last=last):
            ctx.set(decoder.last_step, 1)
            ctx.set(decoder.last_source, last)
            *_, wrong = await ctx.tick().sample(decoder.wrong).until(decoder.done)
            wrongs.append(wrong)
            await ctx.tick().repeat(4)

        watched = (watch(decoder.o, tokens), drain(decoder.o, stalls=0))
        simulate(decoder, sender(decoder.i, marked(code), stalls=0), until_done, background=watched, limit=5_000)
        assert [address for _, (address, valid, _end) in tokens if valid] == list(range(min(given, last + 1)))
        assert sum(end for _, (_address, _valid, end) in tokens) == 2
        assert wrongs == [int(given > last + 1)]
