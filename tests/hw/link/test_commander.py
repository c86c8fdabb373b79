"""The commander answers each request once and in order, like the board in plain Python."""

import random
import zlib
from dataclasses import replace

import pytest

from firstspike_hw.link.answer import ALL_COUNTERS
from firstspike_hw.link.commander import Commander
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.shapes import OutputShape
from firstspike_spec.protocol.messages import COUNTERS, REPLY, Identity, Kind, Loss, Reason, message

from ...levels import each_choice
from ...spec.naive_link import NaiveBoard, split
from ..bench import STALLS, drain, marked, plain, sender, simulate, watch

IDENTITY = Identity(
    EngineShape((), OutputShape(2, 2, 3, 8), 1, 4), board="one", clock_hz=12_000_000, baud=115_200, buffer_bytes=256
)
LOADED = replace(IDENTITY, digest=bytes(range(32)).hex())
VALUES = {name: 0x0123456789 * (number + 1) % (1 << 40) for number, name in enumerate(COUNTERS)}


def is_wrong(body: bytes) -> bool:
    """Return whether the memory access of these tests reports a body as wrong."""
    return body[0] % 4 == 3


def check_of(body: bytes) -> int:
    """Return the check that the memory access of these tests gives for a range."""
    return zlib.crc32(body[::-1])


class Model(NaiveBoard):
    """The board in plain Python, with the memory access of these tests."""

    def _block(self, body):
        self.check = zlib.crc32(body, self.check)
        return Reason.WRONG_BLOCK if is_wrong(body) else b""

    def _range(self, body):
        self.check = check_of(body)
        return Reason.WRONG_BLOCK if is_wrong(body) else self.check.to_bytes(4, "little")


class Run:
    """Requests and their effects.

    Attributes
    ----------
    answers : list of bytes
        Messages that the commander gave.
    order : list of int
        Numbers of all requests, including images, in the order of their answers.
    images : list of tuple
        Number, whether all steps were run, and code.
    bodies : list of tuple
        Those passed to the memory access: whether to read, and the body.
    clears, begins : int
    early_exits : list of int
        For each image, when its code began.
    """

    def __init__(self, requests: list[bytes], *, identity=IDENTITY, stalls=(0, 0), pulses=(), seed=0):
        dut = Commander(identity)
        rng = random.Random(f"commander {seed}")
        given, heads = [], []
        self.answers, self.order, self.images, self.bodies, self.early_exits = [], [], [], [], []
        self.clears = self.begins = 0

        async def environment(ctx):
            """The engine, the result sender and the memory access."""
            cycle, waiting, message_begins, check = 0, [], True, 0
            head, code, body, done_in, idle_before, early_before = bytearray(), bytearray(), bytearray(), None, 1, 1
            ctx.set(dut.counters, VALUES)
            ctx.set(dut.idle, 1)
            while True:
                sample = ctx.tick().sample(
                    *(getattr(getattr(dut, name), part) for name in PORTS for part in ("valid", "ready", "payload")),
                    dut.idle, dut.early_exit, dut.clear, dut.begin, dut.reads, dut.waiting,
                )  # fmt: skip
                *_, idle, early_exit, clear, begin, reads, rests = values = (await sample)[2:]
                moved = {
                    name: plain(values[3 * at + 2]) if values[3 * at] and values[3 * at + 1] else None
                    for at, name in enumerate(PORTS)
                }
                assert idle or not (clear or begin or values[3 * PORTS.index("bodies")])
                assert idle_before or early_exit == early_before, "early exit changed while images were under way"
                assert not (rests and moved["o"])
                self.clears, self.begins = self.clears + clear, self.begins + begin
                if begin:
                    check = 0
                if moved["heads"]:
                    assert not code
                    head.append(moved["heads"][0])
                    if moved["heads"][1]:
                        kind, number, _ = split(bytes(head))
                        assert kind in (Kind.INFER | REPLY, Kind.INFER_ALL | REPLY)
                        heads.append((number, int(kind == Kind.INFER_ALL | REPLY)))
                        waiting.append([None, number])
                        head.clear()
                if moved["codes"]:
                    assert len(heads) == len(self.images) + 1
                    if not code:
                        self.early_exits.append(early_exit)
                    code.append(moved["codes"][0])
                    if moved["codes"][1]:
                        self.images.append((*heads[-1], bytes(code)))
                        code.clear()
                        waiting[-1][0] = cycle + rng.choice([1, 5, 60])
                if moved["bodies"]:
                    body.append(moved["bodies"][0])
                    if moved["bodies"][1]:
                        self.bodies.append((reads, bytes(body)))
                        check = check_of(body) if reads else zlib.crc32(body, check)
                        done_in = rng.choice([1, 2, 20])
                if moved["o"]:
                    if message_begins:
                        given.append(bytearray())
                    given[-1].append(moved["o"][0])
                    message_begins = moved["o"][1]
                    if message_begins:
                        self.answers.append(bytes(given[-1]))
                        if given[-1][0] != Kind.NOTICE:
                            self.order.append(split(bytes(given[-1]))[1])
                # Images are answered in order, some time after their code has ended.
                while waiting and waiting[0][0] is not None and waiting[0][0] <= cycle:
                    self.order.append(waiting.pop(0)[1])
                done_in = done_in - 1 if done_in else None
                ctx.set(dut.done, done_in == 0)
                ctx.set(dut.wrong, done_in == 0 and is_wrong(body))
                ctx.set(dut.check, check)
                if done_in == 0:
                    body.clear()
                    done_in = None
                ctx.set(dut.idle, not waiting)
                for name in ("damaged", "oversized"):
                    ctx.set(getattr(dut, name), (cycle, name) in pulses)
                idle_before, early_before = idle, early_exit
                cycle += 1

        async def settle(ctx):
            while len(self.order) < len(requests):
                await ctx.tick()
            await ctx.tick().repeat(200)

        simulate(
            dut,
            sender(dut.i, [item for request in requests for item in marked(request)], stalls=stalls[0], seed=seed),
            settle,
            background=(
                environment,
                *(drain(getattr(dut, name), stalls=stalls[1], seed=f"{name} {seed}") for name in PORTS),
                *(watch(getattr(dut, name), []) for name in PORTS),
            ),
            limit=100_000,
        )


PORTS = ["o", "codes", "heads", "bodies"]


def check(requests: list[bytes], run: Run, identity=IDENTITY) -> Model:
    """Compare the effects of requests with the board in plain Python, and return that board."""
    model, answers, images, bodies = Model(identity), [], [], []
    for request in requests:
        _, number, body = split(request)
        loading = model.loading
        kind, number, given = model.answer(request)
        if given is None and kind == Kind.COUNTERS | REPLY:
            given = b"".join(value.to_bytes(5, "little") for value in VALUES.values())
        if given is None:
            images.append((number, int(kind == Kind.INFER_ALL | REPLY), body))
        else:
            answers.append(message(kind, number, given))
        if body and (request[0] == Kind.CHECK or (request[0] == Kind.LOAD_BLOCK and loading)):
            bodies.append((int(request[0] == Kind.CHECK), body))
    assert [answer for answer in run.answers if answer[0] != Kind.NOTICE] == answers
    assert run.images == images
    assert run.bodies == bodies
    assert run.order == [split(request)[1] for request in requests]
    assert run.early_exits == [not all_steps for _, all_steps, _ in images]
    assert run.clears == sum(request[0] == Kind.RESET for request in requests)
    assert run.begins == sum(request[0] == Kind.LOAD_BEGIN for request in requests)
    return model


def load(digest: bytes, *bodies: bytes) -> list[tuple[int, bytes]]:
    check = 0
    for body in bodies:
        check = zlib.crc32(body, check)
    end = check.to_bytes(4, "little") + digest
    return [(Kind.LOAD_BEGIN, b""), *((Kind.LOAD_BLOCK, body) for body in bodies), (Kind.LOAD_END, end)]


def numbered(requests: list[tuple[int, bytes]], seed=0) -> list[bytes]:
    rng = random.Random(seed)
    return [message(kind, rng.getrandbits(32), body) for kind, body in requests]


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
