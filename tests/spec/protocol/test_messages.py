"""The link's messages: an identity survives a round trip, and everything else is refused."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstspike_spec import InputError
from firstspike_spec.common.words import RESULT_WORD
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.shapes import AddressTableShape, LayerShape, OutputShape
from firstspike_spec.processor.plan import plan_processor
from firstspike_spec.protocol.messages import (
    BUFFER_BYTES,
    COUNTER_BYTES,
    COUNTERS,
    DIGEST_BYTES,
    HEAD_BYTES,
    MAGIC,
    MOST_IDENTITY_BYTES,
    MOST_NAME_CHARACTERS,
    REPLY,
    RESULT_BYTES,
    VERSION,
    Identity,
    Kind,
    message,
)

from ..naive_link import split
from ..random_layered_networks import random_chain
from ..random_networks import random_map_network, random_network

IDENTITY = Identity(plan(random_network(0, (9, 7, 4)), 2), board="one", clock_hz=25_000_000, baud=3_000_000, buffer_bytes=2048)
#: The same board with a processor.
PROCESSOR = replace(IDENTITY, shape=plan_processor(random_chain(1, (12, 9, 5)), 3))


@given(
    st.sampled_from([IDENTITY, PROCESSOR]),
    st.text(st.characters().filter(str.isprintable), max_size=MOST_NAME_CHARACTERS),
    st.integers(0, 1 << 40),
    st.integers(0, 1 << 30),
    st.integers(*BUFFER_BYTES),
    st.one_of(st.just(""), st.binary(min_size=DIGEST_BYTES, max_size=DIGEST_BYTES).map(bytes.hex)),
)
def test_an_identity_comes_back(known, board, clock_hz, baud, buffer_bytes, digest):
    identity = replace(known, board=board, clock_hz=clock_hz, baud=baud, buffer_bytes=buffer_bytes, digest=digest)
    body = identity.pack()
    assert Identity.unpack(body) == identity
    assert body.endswith(identity.constants())
    # The parts that change have fixed places, where the gateware writes them.
    fixed = len(MAGIC) + 1
    assert body[:fixed] == MAGIC + bytes([VERSION])
    assert body[fixed] == bool(digest)
    assert body[fixed + 1 : fixed + 1 + DIGEST_BYTES] == bytes.fromhex(digest or "00" * DIGEST_BYTES)


def test_without_a_loaded_network_the_digest_is_ignored():
    body = bytearray(replace(IDENTITY, digest="5a" * DIGEST_BYTES).pack())
    body[len(MAGIC) + 1] = 0
    assert Identity.unpack(bytes(body)) == IDENTITY


@pytest.mark.parametrize("body", [b"", b"hello world", b"1sp", b"1Spk" + bytes(60)])
def test_other_devices_are_refused(body):
    with pytest.raises(InputError, match="what answered is not a firstspike board"):
        Identity.unpack(body)


def test_another_version_is_refused():
    body = IDENTITY.pack()
    for version in (0, VERSION + 1, 255):
        with pytest.raises(InputError, match=f"speaks version {version} of the protocol, this host version {VERSION}; build"):
            Identity.unpack(MAGIC + bytes([version]) + body[len(MAGIC) + 1 :])
    with pytest.raises(InputError, match="version None"):
        Identity.unpack(MAGIC)


def test_an_identity_cut_anywhere_is_refused():
    body = IDENTITY.pack()
    for length in range(len(MAGIC) + 1, len(body)):
        with pytest.raises(InputError, match=r"the board's identity cannot be read \(.*\); build its bitstream again"):
            Identity.unpack(body[:length])


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: 5,
        lambda facts: None,
        lambda facts: [1, 2],
        lambda facts: "engine",
        lambda facts: {**facts, "more": 1},
        lambda facts: {name: value for name, value in facts.items() if name != "board"},
        lambda facts: {name: value for name, value in facts.items() if name != "engine"},
        lambda facts: {**facts, "processor": PROCESSOR.shape.as_dict()},
        lambda facts: {"processor" if name == "engine" else name: value for name, value in facts.items()},
        lambda facts: {**facts, "engine": {}},
        lambda facts: {**facts, "engine": 7},
        lambda facts: {**facts, "engine": {**facts["engine"], "queue_depth": 7}},
        lambda facts: {**facts, "engine": {**facts["engine"], "layers": [{"lanes": 1}]}},
        lambda facts: {**facts, "engine": {**facts["engine"], "output": None}},
        lambda facts: {**facts, "engine": {name: size for name, size in facts["engine"].items() if name != "time_steps"}},
        # The engine as version 1 of the protocol described it.
        lambda facts: {**facts, "engine": {"layers": [], "queue_depth": 8}},
    ],
)
def test_damaged_facts_are_refused(change):
    facts = json.dumps(change(json.loads(IDENTITY.constants()))).encode()
    for damaged in (facts, facts + b"}", b"\xff" + facts):
        with pytest.raises(InputError, match="the board's identity cannot be read"):
            Identity.unpack(IDENTITY.pack()[: len(MAGIC) + 2 + DIGEST_BYTES] + damaged)


#: A placeholder for more digits than Python reads.
DIGITS = "digits"


def told(facts: object) -> bytes:
    """The identity with these facts, as JSON or as text."""
    text = facts if isinstance(facts, str) else json.dumps(facts).replace(f'"{DIGITS}"', "9" * 5000)
    return IDENTITY.pack()[: len(MAGIC) + 2 + DIGEST_BYTES] + text.encode()


def paths(facts: object) -> list[tuple]:
    """The places of all values in nested dictionaries and lists."""
    inner = facts.items() if isinstance(facts, dict) else enumerate(facts) if isinstance(facts, list) else ()
    return [(), *((name, *path) for name, value in inner for path in paths(value))]


def changed(facts: object, path: tuple, change) -> object:
    """The facts, with another value at a place; without that place, if the change gives `...`."""
    if not path:
        return change(facts)
    facts = list(facts) if isinstance(facts, list) else dict(facts)
    value = changed(facts[path[0]], path[1:], change)
    if value is ...:
        del facts[path[0]]
    else:
        facts[path[0]] = value
    return facts


#: An engine whose identity has every possible entry.
MAPS = replace(IDENTITY, shape=plan(random_map_network(0), 3))
FACTS = json.loads(MAPS.constants())
PROCESSOR_FACTS = json.loads(PROCESSOR.constants())
WRONG = {
    "null": None,
    "true": True,
    "text": "7",
    "float": 7.0,
    "not a number": float("nan"),
    "infinity": float("inf"),
    "list": [7],
    "object": {"7": 7},
    "negative": -1,
    "huge": 1 << 62,
    "more digits than Python reads": DIGITS,
}


@pytest.mark.parametrize(
    ("known", "among"),
    [(FACTS, {"engine", "address_table", "places", 0}), (PROCESSOR_FACTS, {"processor", *PROCESSOR.shape.as_dict()})],
)
@pytest.mark.parametrize("wrong", WRONG)
def test_every_fact_is_of_its_kind_and_in_range(known, among, wrong):
    """At every place of an identity, including the engine's layers and address tables, and the processor's sizes."""
    names = {path[-1] for path in paths(known) if path}
    assert {"board", "clock_hz", "baud", "buffer_bytes", "queue_depth", *among} <= names
    for path in paths(known):
        body = told(changed(known, path, lambda value: WRONG[wrong]))
        if path == ("board",) and wrong == "text":
            assert Identity.unpack(body).board == "7"
            continue
        with pytest.raises(InputError, match="the board's identity cannot be read"):
            Identity.unpack(body)


def test_no_entry_may_be_missing_or_unknown():
    """Except for an address table, which is optional."""
    for path in paths(FACTS)[1:]:
        if path[-1] == "address_table" or isinstance(path[-1], int):
            continue
        with pytest.raises(InputError, match="the board's identity cannot be read"):
            Identity.unpack(told(changed(FACTS, path, lambda value: ...)))
    for path in paths(PROCESSOR_FACTS)[1:]:
        with pytest.raises(InputError, match="the board's identity cannot be read"):
            Identity.unpack(told(changed(PROCESSOR_FACTS, path, lambda value: ...)))
    for path in paths(FACTS):
        with pytest.raises(InputError, match="the board's identity cannot be read"):
            Identity.unpack(told(changed(FACTS, path, lambda value: {**value, "more": 1} if isinstance(value, dict) else {})))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        *(("buffer_bytes", value, "buffer_bytes must be in 256 .. 1048576") for value in (0, 60, 61, 72, 255, 1 << 21)),
        ("clock_hz", -1, "clock_hz must be in 0 .. "),
        ("baud", (1 << 30) + 1, "baud must be in 0 .. "),
        ("board", "x" * 65, "name must be up to 64 printable characters, not 'xxx"),
        ("board", "\x1b[2J", r"name must be up to 64 printable characters, not '\\x1b"),
        ("board", "\ud800", "printable characters"),
        ("board", 7, "the board's name must be a string, not 7"),
        ("engine", None, "not the description of an engine"),
    ],
)
def test_values_out_of_range_are_named(name, value, said):
    with pytest.raises(InputError, match=said):
        Identity.unpack(told({**FACTS, name: value}))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 20_000,
        "[" * 5_000 + "]" * 5_000,
        '{"board":' * 1_500,
        " " * MOST_IDENTITY_BYTES + "{}",
        IDENTITY.constants().decode()[:-1] + ',"baud":3000000}',
        IDENTITY.constants().decode().replace('"time_steps"', '"time_steps":4,"time_steps"'),
        IDENTITY.constants().decode() + IDENTITY.constants().decode(),
        IDENTITY.constants().decode() + "\0",
        IDENTITY.constants().decode().replace("one", "\u00e9"),
    ],
    ids=["nested", "nested, ended", "objects", "long", "twice", "twice in the engine", "two", "zero", "not ASCII"],
)
def test_text_that_is_not_an_identity(text):
    with pytest.raises(InputError, match="the board's identity cannot be read"):
        Identity.unpack(told(text))


@pytest.mark.parametrize("loaded", range(2, 256, 23))
def test_a_flag_that_is_neither_0_nor_1(loaded):
    body = bytearray(IDENTITY.pack())
    body[len(MAGIC) + 1] = loaded
    with pytest.raises(InputError, match=r"the flag of a loaded network must be in 0 \.\. 1"):
        Identity.unpack(bytes(body))


def test_the_largest_identity_has_room():
    """15 hidden layers with address tables, every size with as many digits as possible."""
    layer = LayerShape(16, 250, 1, 1 << 8, 1 << 14, 1 << 16, 10, 32, AddressTableShape(1 << 16, 8, 8, 0))
    first = replace(layer, address_table=AddressTableShape(1 << 16, 0, 16, 10))
    output = OutputShape(16, 255, 16, 32, AddressTableShape(1 << 16, 8, 8, 0))
    shape = EngineShape((first, *[layer] * 14), output, 2, 256, 64)
    largest = Identity(shape, "\U0001f600" * MOST_NAME_CHARACTERS, 1 << 40, 1 << 30, BUFFER_BYTES[1], "ff" * DIGEST_BYTES)
    body = largest.pack()
    assert Identity.unpack(body) == largest
    assert len(body) < MOST_IDENTITY_BYTES / 2


@given(st.integers(0, 255), st.integers(0, (1 << 32) - 1), st.binary(max_size=20))
def test_messages_are_split_as_they_were_made(kind, number, body):
    content = message(kind, number, body)
    assert split(content) == (kind, number, body)
    assert len(content) == HEAD_BYTES + len(body)


def test_requests_and_answers_have_different_kinds():
    requests = [kind for kind in Kind if kind not in (Kind.ERROR, Kind.NOTICE)]
    assert all(0 < kind < REPLY for kind in requests)
    assert not {kind | REPLY for kind in requests} & {Kind.ERROR, Kind.NOTICE}
    assert RESULT_WORD.bits <= 8 * RESULT_BYTES
    assert (COUNTER_BYTES, len(COUNTERS)) == (5, 7)
