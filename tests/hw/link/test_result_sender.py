"""The result sender's messages hold the engine's words, whichever input comes late."""

import random

import pytest

from firstspike_hw.link.result_sender import ResultSender
from firstspike_spec.common.words import RESULT_WORD
from firstspike_spec.protocol.messages import HEAD_BYTES

from ..bench import STALLS, drain, marked, sender, simulate, watch

NAMES = [field.name for field in RESULT_WORD.fields]


def result(rng: random.Random, reports: int) -> list[tuple[int, ...]]:
    words = []
    for decision in [0] * reports + [1]:
        value = rng.choice([-(1 << 31), (1 << 31) - 1, rng.randrange(-5000, 5000)])
        words.append((value, rng.randrange(1 << 16), rng.randrange(256), rng.randrange(2), decision))
    return words


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("late", ["words", "heads", "statuses"])
def test_one_message_an_inference(stalls, late):
    rng = random.Random(late)
    results = [result(rng, reports) for reports in (0, 10, 1, 3, 0, 0, 2)]
    heads = [rng.randbytes(HEAD_BYTES) for _ in results]
    statuses = [rng.randrange(2) for _ in results]
    wanted = []
    for words, head, status in zip(results, heads, statuses, strict=True):
        message = bytearray(head)
        for word in words:
            packed = int(RESULT_WORD.pack(**dict(zip(NAMES, word, strict=True))))
            message += packed.to_bytes(8, "little")
        message.append(status)
        wanted += marked(message)
    dut, got = ResultSender(), []

    async def settle(ctx):
        while len(got) < len(wanted):
            await ctx.tick()
        await ctx.tick().repeat(20)

    slow = {name: 0.97 if name == late else stalls[0] for name in ("words", "heads", "statuses")}
    simulate(
        dut,
        sender(dut.words, [word for words in results for word in words], stalls=slow["words"]),
        sender(dut.heads, [byte for head in heads for byte in head], stalls=slow["heads"]),
        sender(dut.statuses, statuses, stalls=slow["statuses"]),
        settle,
        background=(drain(dut.o, stalls=stalls[1]), watch(dut.o, got)),
    )
    assert [item for _, item in got] == wanted
