"""Runs requests on the commander, and compares their effects with those on the board in plain Python."""

import random
import zlib
from dataclasses import replace

from firstspike_hw.link.commander import Commander
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.shapes import OutputShape
from firstspike_spec.protocol.messages import COUNTERS, REPLY, Identity, Kind, Reason, message

from ...spec.naive_link import NaiveBoard, split
from ..bench import drain, marked, plain, sender, simulate, watch

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
