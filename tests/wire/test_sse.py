import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire import sse

STREAM = (
    '\ufeff: hello\n\ndata: {"t":"Grüße 😀"}\n\nevent: named\ndata:one\ndata: two\nid: 1\n\n\ndata\n\nretry: 10\n\n'
    "data: [DONE]\n\n"
).encode()
ENDS = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}


def dispatched(frames):
    """(type, data) of each event a client would see."""
    events = [sse.parse(frame) for frame in frames]
    return [(event.event, event.data) for event in events if not event.is_comment]


def standard(stream):
    """The events of a byte stream, by the letter of HTML 9.2.6, one character at a time."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    found, kind, data = [], None, None
    lines = re.split("\r\n|\r|\n", text)
    for line in lines[:-1]:
        if not line:
            if data is not None:
                found.append((kind, data.encode()))
            kind = data = None
        elif line.startswith("data:") or line == "data":
            value = line[5:].removeprefix(" ")
            data = value if data is None else data + "\n" + value
        elif line.startswith("event:") or line == "event":
            kind = line[6:].removeprefix(" ")
    return found


def fed(stream, sizes):
    splitter, frames, at = sse.FrameSplitter(), [], 0
    for size in sizes:
        frames += splitter.feed(stream[at : at + size])
        at += size
    frames += splitter.feed(stream[at:])
    return frames, splitter.rest


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_split_at_every_byte(end):
    stream = STREAM.replace(b"\n", end)
    expected = standard(stream)
    assert len(expected) == 4
    for first in range(len(stream) + 1):
        for second in (0, 1, 2):
            frames, rest = fed(stream, [first, second])
            assert b"".join(frames) + rest == stream
            assert dispatched(frames) == expected
            assert not rest.strip(b"\r\n")


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_an_event_is_out_as_soon_as_its_blank_line_is_there(end):
    splitter = sse.FrameSplitter()
    assert splitter.feed(b"data: x" + end) == []
    assert splitter.rest == b"data: x" + end
    assert splitter.feed(end) == [b"data: x" + end + end]
    assert splitter.rest == b""


def test_a_torn_crlf_leaves_nothing_behind():
    splitter = sse.FrameSplitter()
    assert splitter.feed(b"data: x\r\n\r") == [b"data: x\r\n\r"]
    assert splitter.feed(b"") == []
    assert splitter.feed(b"\ndata: y\r\n\r\n") == [b"\n", b"data: y\r\n\r\n"]
    assert splitter.rest == b""


def test_one_frame_is_handed_out_without_a_copy():
    chunk = b'data: {"a":1}\n\n'
    assert sse.FrameSplitter().feed(chunk)[0] is chunk


def test_a_huge_event_in_many_small_chunks():
    splitter, chunk = sse.FrameSplitter(), b"x" * 512
    for count in range(40_000):
        assert splitter.feed(b"data: " + chunk if count == 0 else chunk) == []
    (frame,) = splitter.feed(b"\n\n")
    assert len(frame) == 8 + 512 * 40_000
    assert splitter.rest == b""


line = st.one_of(
    st.sampled_from(
        [b"", b"data: a", b"data:b", b"data", b"data:  c", b": note", b"event: e", b"event:", b"id: 1", b"odd"]
    ),
    st.text(alphabet="é😀ab:\0", max_size=4).map(lambda text: b"data: " + text.encode()),
)
streams = st.lists(st.tuples(line, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=14).map(
    lambda pairs: b"".join(text + end for text, end in pairs)
)
sizes = st.lists(st.integers(0, 9), max_size=30)


@given(streams, sizes)
def test_any_stream_cut_anywhere(stream, cuts):
    frames, rest = fed(stream, cuts)
    assert b"".join(frames) + rest == stream
    assert dispatched(frames) == standard(stream)


@given(st.binary(max_size=60), sizes)
def test_any_bytes_come_back(stream, cuts):
    frames, rest = fed(stream, cuts)
    assert b"".join(frames) + rest == stream
    for frame in frames:
        sse.parse(frame)


@given(streams.map(lambda stream: stream.replace(b"\r", b"")), sizes)
def test_frames_of_lf_streams_are_the_same_however_cut(stream, cuts):
    assert fed(stream, cuts) == fed(stream, [])


@pytest.mark.parametrize(
    ("frame", "data", "event", "id_", "retry", "comment"),
    [
        (b"data: x\n\n", b"x", None, None, None, False),
        (b"data:x\n\n", b"x", None, None, None, False),
        (b"data:  x\n\n", b" x", None, None, None, False),
        (b"data\n\n", b"", None, None, None, False),
        (b"data:\ndata:\n\n", b"\n", None, None, None, False),
        (b"data: a\ndata: b\n\n", b"a\nb", None, None, None, False),
        (b"event: e\r\ndata: a\r\n\r\n", b"a", "e", None, None, False),
        (b"event: e\n\n", b"", "e", None, None, True),
        (b"id: 5\nretry: 20\ndata: a\n\n", b"a", None, "5", 20, False),
        (b"id: a\0b\nretry: 2x\ndata: a\n\n", b"a", None, None, None, False),
        (b": ping\n\n", b"", None, None, None, True),
        (b"\n", b"", None, None, None, True),
        (b"\n\ndata: late\n\n", b"late", None, None, None, False),
        (b"\xef\xbb\xbfdata: x\n\n", b"x", None, None, None, False),
        (b"Data: x\nother: y\n\n", b"", None, None, None, True),
        (b"data: first\n\ndata: second\n\n", b"first", None, None, None, False),
    ],
)
def test_parse(frame, data, event, id_, retry, comment):
    parsed = sse.parse(frame)
    assert (parsed.data, parsed.event, parsed.id, parsed.retry, parsed.is_comment) == (data, event, id_, retry, comment)
    assert parsed.raw is frame


def test_json_is_read_once_and_none_when_it_is_not():
    event = sse.parse(b'data: {"a":\ndata: 1}\n\n')
    assert event.json == {"a": 1}
    assert event.json is event.json
    for frame in (b"data: [DONE]\n\n", b"data: {\n\n", b": c\n\n", b"data: NaN\n\n"):
        assert sse.parse(frame).json is None


def test_invalid_utf8_is_replaced_as_the_standard_says():
    assert sse.parse(b'data: {"a":"\xff"}\n\n').json == {"a": "\ufffd"}


@pytest.mark.parametrize(
    ("frame", "done"),
    [
        (sse.DONE, True),
        (b"data:[DONE]\r\n\r\n", True),
        (b"data: [DONE] \n\n", True),
        (b'data: "[DONE]"\n\n', False),
        (b"data: [DONE]x\n\n", False),
        (b": [DONE]\n\n", False),
    ],
)
def test_is_done(frame, done):
    assert sse.parse(frame).is_done is done


def test_repr_shows_no_content():
    assert "secret" not in repr(sse.parse(b"data: secret\n\n"))


def test_encode():
    assert sse.encode('{"a":"é"}') == '{"a":"é"}'.join(["data: ", "\n\n"]).encode()
    assert sse.encode(b"x", "ping") == b"event: ping\ndata: x\n\n"
    with pytest.raises(ValueError, match="line end"):
        sse.encode(b"x", "a\ndata: forged")


@given(st.text(alphabet="ab é:\n\r", max_size=12), st.none() | st.just("kind"))
def test_what_is_encoded_is_one_event_with_that_data(text, event):
    frames, rest = fed(sse.encode(text, event), [])
    assert rest == b""
    assert dispatched(frames) == [(event, re.sub("\r\n?", "\n", text).encode())]


@given(st.text(alphabet="ab:\n\r", max_size=8))
def test_a_comment_dispatches_nothing(text):
    frames, rest = fed(sse.comment(text), [])
    assert (dispatched(frames), rest) == ([], b"")


@pytest.mark.parametrize(
    ("chunk", "length"),
    [
        (b"", 0),
        (b"data: a", 0),
        (b"data: a\n", 0),
        (b"data: a\n\n", 9),
        (b"data: a\n\ndata: b", 9),
        (b"data: a\r\n\r\nda", 11),
        (b"data: a\r\n\r\n", 11),
        (b"data: a\r\n", 0),
        (b"data: a\r\rda", 9),
        (b"data: a\n\n\r", 10),
        (b"data: a\n\r\nd", 10),
    ],
)
def test_complete_prefix(chunk, length):
    assert sse.complete_prefix(chunk) == length


@given(streams, st.integers(0, 60))
def test_complete_prefix_is_where_the_last_blank_line_ends(stream, cut):
    chunk = stream[:cut]
    ends = list(re.finditer(rb"\r\n|\r|\n", chunk))
    blank = [after.end() for before, after in zip(ends, ends[1:], strict=False) if before.end() == after.start()]
    assert sse.complete_prefix(chunk) == max(blank, default=0)
