"""The commander answers each request once and in order, like the board in plain Python."""

import random
from dataclasses import replace

import pytest

from firstspike_hw.link.answer import ALL_COUNTERS
from firstspike_hw.link.commander import Commander
from firstspike_spec.protocol.messages import COUNTERS, REPLY, Identity, Kind, Loss, Reason

from ...levels import each_choice
from ..bench import STALLS, drain, marked, sender, simulate, watch
from .commander_run import IDENTITY, LOADED, Run, check, load, numbered

DIGEST = bytes(range(100, 132))
BLOCK = b"\4block"


@pytest.mark.parametrize(("seed", "stalls"), each_choice(range(2), STALLS))
def test_requests_of_all_kinds_in_any_order(seed, stalls):
    rng = random.Random(seed)
    requests = []
    while len(requests) < 90:
        draw = rng.random()
        if draw < 0.45:
            requests.append((rng.choice([Kind.INFER, Kind.INFER_ALL]), rng.randbytes(rng.choice([0, 1, 2, 9]))))
        elif draw < 0.6:
            bodies = [rng.randbytes(rng.choice([1, 3, 20])) for _ in range(rng.randrange(3))]
            whole = load(rng.randbytes(32), *bodies)
            del whole[rng.randrange(1, 9) :][:1]
            requests += whole
        elif draw < 0.95:
            kind = rng.choice([*Kind, rng.randrange(256)])
            requests.append((kind, rng.randbytes(rng.choice([0, 0, 1, 7, 36, 40]))))
        else:
            requests.append((Kind.IDENTIFY, b""))
    made = numbered(requests, seed)
    run = Run(made, stalls=stalls, seed=seed)
    check(made, run)
    assert len(run.images) > 5
    kinds = {answer[0] for answer in run.answers}
    assert kinds >= {Kind.ERROR, Kind.IDENTIFY | REPLY, Kind.LOAD_BEGIN | REPLY}


def test_every_reason():
    requests = numbered(
        [
            (Kind.INFER, b"\xff"),  # 3
            (Kind.INFER_ALL, b""),  # 3, before the length
            (Kind.LOAD_BLOCK, BLOCK),  # 4
            (Kind.LOAD_BLOCK, b""),  # 4
            (Kind.LOAD_END, bytes(36)),  # 4
            (0, b""),  # 1
            (0x80, b"x" * 50),  # 1
            (0xFF, b""),  # 1
            (Kind.CHECK, b""),  # 2
            (Kind.CHECK, b"\3wrong"),  # 5
            (Kind.LOAD_BEGIN, b""),
            (Kind.LOAD_BLOCK, b""),  # 2
            (Kind.LOAD_BLOCK, b"\3wrong"),  # 5
            (Kind.LOAD_END, b""),  # 2: nothing is ended
            (Kind.LOAD_END, bytes(36)),  # 6
            (Kind.LOAD_END, bytes(36)),  # 4
            *load(DIGEST, BLOCK),
            (Kind.INFER, b""),  # 2
            (Kind.INFER_ALL, b""),  # 2
        ]
    )
    run = Run(requests)
    check(requests, run)
    assert [answer[-1] for answer in run.answers if answer[0] == Kind.ERROR] == [
        *[3, 3, 4, 4, 4, 1, 1, 1, 2, 5, 2, 5, 2, 6, 4, 2, 2]
    ]
    assert {answer[-1] for answer in run.answers if answer[0] == Kind.ERROR} == set(Reason)


def test_surplus_bytes_of_a_request_are_dropped():
    requests = numbered([(kind, b"surplus") for kind in (Kind.IDENTIFY, Kind.COUNTERS, Kind.RESET, Kind.LOAD_BEGIN)] * 2)
    check(requests, Run(requests))


@pytest.mark.parametrize("place", range(36))
def test_an_end_with_a_wrong_byte(place):
    """A wrong byte of the check ruins the load; one of the digest only appears in the identity."""
    begin, block, (kind, end) = load(DIGEST, BLOCK)
    wrong = bytearray(end)
    wrong[place] ^= 1 << place % 8
    requests = numbered([begin, block, (kind, bytes(wrong)), (kind, end), (Kind.INFER, b"\xff"), (Kind.IDENTIFY, b"")])
    model = check(requests, Run(requests))
    assert model.loaded == (place >= 4)


def test_an_end_that_is_too_short_or_too_long():
    begin, block, (kind, end) = load(DIGEST, BLOCK)
    sequence = []
    for wrong in (*(end[:length] for length in range(1, 36)), end + b"\0", end + bytes(30)):
        sequence += [begin, block, (kind, wrong), (kind, end), (Kind.INFER, b"\xff")]
    requests = numbered([*sequence, begin, block, (kind, end), (Kind.IDENTIFY, b"")])
    run = Run(requests)
    check(requests, run)
    assert run.images == []
    assert Identity.unpack(run.answers[-1][5:]) == replace(IDENTITY, digest=DIGEST.hex())


def test_a_network_from_power_up_runs_until_another_load_begins():
    requests = numbered(
        [
            (Kind.INFER, b"a"),
            (Kind.IDENTIFY, b""),
            (Kind.RESET, b""),
            (Kind.LOAD_BLOCK, BLOCK),
            (Kind.LOAD_END, bytes(36)),
            (Kind.INFER_ALL, b"b"),
            (Kind.LOAD_BEGIN, b""),
            (Kind.INFER, b"c"),
            (Kind.IDENTIFY, b""),
        ]
    )
    run = Run(requests, identity=LOADED)
    check(requests, run, LOADED)
    assert [code for *_, code in run.images] == [b"a", b"b"]
    first, last = (answer[5:] for answer in run.answers if answer[0] == Kind.IDENTIFY | REPLY)
    assert first == LOADED.pack()
    assert Identity.unpack(last) == IDENTITY


def test_a_load_that_begins_again_forgets_the_blocks_before():
    requests = numbered([*load(DIGEST, BLOCK)[:-1], *load(DIGEST, b"\0other"), (Kind.INFER, b"a")])
    run = Run(requests)
    assert check(requests, run).loaded
    assert len(run.images) == 1


def test_requests_that_change_the_board_wait_for_earlier_images():
    """Answers come in the order of the requests, although images take long and other requests do not."""
    rng = random.Random(1)
    others = [
        (Kind.COUNTERS, b""),
        (Kind.RESET, b""),
        (Kind.CHECK, b"\0range"),
        (Kind.INFER, b""),
        (0x33, b""),
        (Kind.IDENTIFY, b""),
    ]
    requests = []
    for other in others * 3:
        requests += [(rng.choice([Kind.INFER, Kind.INFER_ALL]), b"code")] * rng.randrange(1, 4) + [other]
    made = numbered([*requests, (Kind.LOAD_BEGIN, b"")])
    check(made, Run(made, identity=LOADED), LOADED)


def notices_of(run: Run) -> list[int]:
    notices = [answer for answer in run.answers if answer[0] == Kind.NOTICE]
    assert all(answer[1:5] == bytes(4) and len(answer) == 6 for answer in notices)
    return [answer[5] for answer in notices]


def test_losses_are_reported_once():
    """Also two in one cycle, and those of both kinds."""
    for pulses, wanted in (
        ([(10, "damaged")], [Loss.DAMAGED]),
        ([(10, "oversized")], [Loss.OVERSIZED]),
        ([(10, "damaged"), (10, "oversized")], [Loss.DAMAGED | Loss.OVERSIZED]),
        ([(10, "damaged"), (90, "oversized")], [Loss.DAMAGED, Loss.OVERSIZED]),
    ):
        assert notices_of(Run([], pulses=pulses)) == wanted


@pytest.mark.parametrize("cycle", range(5, 60, 3))
def test_a_loss_is_reported_whenever_it_comes(cycle):
    """The notice comes between two answers, never within one; the requests are answered."""
    requests = numbered([(Kind.INFER, b"code"), (Kind.CHECK, b"\0range"), (Kind.RESET, b"much"), (Kind.COUNTERS, b"")])
    run = Run(requests, identity=LOADED, pulses=[(cycle, "damaged")], stalls=(0, 0.3))
    check(requests, run, LOADED)
    assert notices_of(run) == [Loss.DAMAGED]


def test_a_loss_during_a_notice_gives_another_notice():
    """At any moment: it never becomes a part of the notice that has begun."""
    for gap in range(1, 16):
        run = Run([], pulses=[(10, "damaged"), (10 + gap, "damaged")])
        assert notices_of(run) == [Loss.DAMAGED] * 2


def test_counters_are_those_of_one_moment():
    """Their bytes are sent one by one while the counters run."""
    dut, got = Commander(IDENTITY), []

    async def count(ctx):
        ctx.set(dut.idle, 1)
        cycle = 0
        while True:
            ctx.set(dut.counters, dict.fromkeys(("cycles", "damaged_frames", "oversized_frames"), cycle * 0x010203))
            await ctx.tick()
            cycle += 1

    async def settle(ctx):
        while len(got) < 5 * (5 + 5 * len(COUNTERS)):
            await ctx.tick()

    requests = numbered([(Kind.COUNTERS, b"")] * 5)
    simulate(
        dut,
        sender(dut.i, [item for request in requests for item in marked(request)]),
        settle,
        background=(count, drain(dut.o, stalls=0.8), watch(dut.o, got)),
    )
    data = bytes(item[0] for _, item in got)
    for at in range(0, len(data), 5 + 5 * len(COUNTERS)):
        values = [int.from_bytes(data[at + 5 + 5 * place :][:5], "little") for place in range(len(COUNTERS))]
        assert values[:4] == [0] * 4
        assert values[4] == values[5] == values[6]
        assert values[4] % 0x010203 == 0
        assert values[4] // 0x010203 <= got[at][0]
    assert set(ALL_COUNTERS.members) == set(COUNTERS)
