"""The host's frames: whole ones come back whatever way they are cut, damaged ones leave no trace but a count."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstspike.link.framing import FrameReader, frame

from ...spec.naive_link import Frames, framed


@given(st.lists(st.binary(min_size=1, max_size=600), max_size=6), st.randoms(use_true_random=False))
def test_frames_come_back_however_they_are_cut(contents, rng):
    data = b"".join(map(frame, contents))
    assert data == b"".join(map(framed, contents))
    reader, got = FrameReader(), []
    while data:
        count = rng.choice([1, 2, 7, 300, 5000])
        got += reader.read(data[:count])
        data = data[count:]
    assert got == contents
    assert reader.damaged == 0


@pytest.mark.parametrize("seed", range(4))
def test_damaged_frames_leave_no_trace(seed):
    """Against a reader of its own that takes each piece between two zeros by itself."""
    rng, data = random.Random(seed), bytearray()
    for _ in range(400):
        piece = bytearray(frame(rng.randbytes(rng.choice([1, 5, 40, 300]))))
        change, at = rng.randrange(8), rng.randrange(len(piece))
        if change == 0:
            piece[at] ^= 1 << rng.randrange(8)
        elif change == 1:
            del piece[at]
        elif change == 2:
            piece[at:at] = rng.randbytes(rng.randrange(4))
        elif change == 3:
            del piece[at:]
        data += piece
    naive, reader, got = Frames(shortest=1), FrameReader(), []
    for at in range(0, len(data), 97):
        got += reader.read(bytes(data[at : at + 97]))
    assert got == naive.read(bytes(data))
    assert reader.damaged == naive.damaged > 50
    assert len(got) > 150


def test_nothing_between_two_zeros_is_no_frame_and_an_empty_content_is_none():
    reader = FrameReader()
    assert reader.read(b"\0\0\0") == []
    assert reader.damaged == 0
    assert reader.read(frame(b"") + frame(b"a")) == [b"a"]
    assert reader.damaged == 1


def test_noise_without_a_zero_does_not_pile_up():
    reader = FrameReader()
    for _ in range(300):
        assert reader.read(b"\xaa" * 1000) == []
    assert 3 <= reader.damaged <= 5
    assert reader.read(b"\0" + frame(b"whole")) == [b"whole"]


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_frame_longer_than_any_is_none(pieces):
    """However it comes: all at once, or bit by bit."""
    reader, data = FrameReader(), frame(b"\1" * (FrameReader.LONGEST + 1)) + frame(b"a")
    step = -(-len(data) // pieces)
    got = [content for at in range(0, len(data), step) for content in reader.read(data[at : at + step])]
    assert got == [b"a"]
    assert reader.damaged >= 1
