"""The pipe's language: there and back, and nothing else is taken for it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.embed import frames


@given(st.integers(0, 2**32 - 1), st.lists(st.binary(max_size=50), max_size=40))
def test_texts_there_and_back(number, texts):
    assert frames.unpack_texts(frames.pack_texts(number, texts)) == (number, texts)


@given(st.lists(st.sampled_from([b"12345678", b"abcdefgh", "too-long", "unknown-words", "bad-vector"]), max_size=40))
def test_vectors_there_and_back(results):
    payload = frames.pack_vectors(7, results)
    assert frames.unpack_vectors(payload, 7, len(results), 2) == results


def test_head():
    data = frames.frame(frames.READY, frames.pack_ready(384))
    assert frames.head(data[: frames.HEAD.size]) == (b"R", 4)
    assert frames.unpack_ready(data[frames.HEAD.size :]) == 384


@pytest.mark.parametrize("data", [b"Loadi", b"R\xff\xff\xff\xff", b"\0\0\0\0\0"])
def test_garbage_has_no_head(data):
    with pytest.raises(frames.BadFrame):
        frames.head(data)


@pytest.mark.parametrize("payload", [b"", b"123", b"12345", struct.pack("<I", 0), struct.pack("<I", 2**31)])
def test_no_dimension(payload):
    with pytest.raises(frames.BadFrame):
        frames.unpack_ready(payload)


@given(st.data())
def test_a_cut_batch_is_refused(data):
    payload = frames.pack_texts(1, [b"one", b"three"])
    cut = data.draw(st.integers(0, len(payload) - 1))
    with pytest.raises(frames.BadFrame):
        frames.unpack_texts(payload[:cut])


@given(st.data())
def test_a_cut_answer_is_refused(data):
    payload = frames.pack_vectors(1, [b"12345678", "too-long", b"12345678"])
    cut = data.draw(st.integers(0, len(payload) - 1))
    with pytest.raises(frames.BadFrame):
        frames.unpack_vectors(payload[:cut], 1, 3, 2)


@pytest.mark.parametrize(("number", "count", "dimension"), [(2, 2, 2), (1, 1, 2), (1, 2, 3)])
def test_an_answer_to_something_else_is_refused(number, count, dimension):
    with pytest.raises(frames.BadFrame):
        frames.unpack_vectors(frames.pack_vectors(1, [b"12345678"] * 2), number, count, dimension)


def test_an_unknown_status_is_refused():
    with pytest.raises(frames.BadFrame):
        frames.unpack_vectors(struct.pack("<II", 1, 1) + b"\x09", 1, 1, 2)
