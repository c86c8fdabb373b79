"""The link's messages: who a board is comes back as it was told, and what is something else is refused."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstspike_spec import InputError
from firstspike_spec.compiler import plan
from firstspike_spec.protocol import (
    COUNTER_BYTES,
    COUNTERS,
    DIGEST_BYTES,
    HEAD_BYTES,
    MAGIC,
    REPLY,
    RESULT_BYTES,
    VERSION,
    Identity,
    Kind,
    message,
)
from firstspike_spec.words import RESULT_WORD

from .naive_link import split
from .random_networks import random_network

IDENTITY = Identity(plan(random_network(0, (9, 7, 4)), 2), board="one", clock_hz=25_000_000, baud=3_000_000, buffer_bytes=2048)


@given(
    st.text(max_size=20),
    st.integers(0, 1 << 40),
    st.integers(0, 1 << 30),
    st.integers(0, 16),
    st.one_of(st.just(""), st.binary(min_size=DIGEST_BYTES, max_size=DIGEST_BYTES).map(bytes.hex)),
)
def test_an_identity_comes_back(board, clock_hz, baud, bits, digest):
    identity = replace(IDENTITY, board=board, clock_hz=clock_hz, baud=baud, buffer_bytes=1 << bits, digest=digest)
    body = identity.pack()
    assert Identity.unpack(body) == identity
    assert body.endswith(identity.constants())
    # What changes has its fixed place, where the gateware writes it.
    fixed = len(MAGIC) + 1
    assert body[:fixed] == MAGIC + bytes([VERSION])
    assert body[fixed] == bool(digest)
    assert body[fixed + 1 : fixed + 1 + DIGEST_BYTES] == bytes.fromhex(digest or "00" * DIGEST_BYTES)


def test_the_digest_of_a_board_without_network_does_not_count():
    body = bytearray(replace(IDENTITY, digest="5a" * DIGEST_BYTES).pack())
    body[len(MAGIC) + 1] = 0
    assert Identity.unpack(bytes(body)) == IDENTITY


@pytest.mark.parametrize("body", [b"", b"hello world", b"1sp", b"1Spk" + bytes(60)])
def test_what_is_no_board_is_refused(body):
    with pytest.raises(InputError, match="what answered is no firstspike board"):
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


@given(st.integers(0, 255), st.integers(0, (1 << 32) - 1), st.binary(max_size=20))
def test_messages_come_apart_as_they_were_put_together(kind, number, body):
    content = message(kind, number, body)
    assert split(content) == (kind, number, body)
    assert len(content) == HEAD_BYTES + len(body)


def test_kinds_are_told_apart_from_answers():
    requests = [kind for kind in Kind if kind not in (Kind.ERROR, Kind.NOTICE)]
    assert all(0 < kind < REPLY for kind in requests)
    assert not {kind | REPLY for kind in requests} & {Kind.ERROR, Kind.NOTICE}
    assert RESULT_WORD.bits <= 8 * RESULT_BYTES
    assert (COUNTER_BYTES, len(COUNTERS)) == (5, 7)
