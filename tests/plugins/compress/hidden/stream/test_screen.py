from pathlib import Path

import pytest

from tailrace.wire import sse
from tailrace.wire.assemble import assembler
from tailrace.wire.sse import Event, FrameSplitter
from tailrace_plugins.compress.hidden.stream import screen
from tailrace_plugins.compress.hidden.stream.screen import written

CASES = Path(__file__).parents[4] / "wire/cases"
FILES = sorted(file for file in CASES.glob("*.sse") if file.name.split("_")[0] in ("chat", "responses", "messages"))
NAMES = frozenset({"\0never"})


def through(one, raw):
    splitter = FrameSplitter()
    given = [piece for frame in splitter.feed(raw) for piece in one.feed(sse.parse(frame))]
    return b"".join([*given, *one.close()]) + splitter.rest


@pytest.mark.parametrize("awake", [False, True])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_streams_of_all_kinds_pass_byte_for_byte(file, awake):
    raw = file.read_bytes()
    one = screen(file.name.split("_")[0], NAMES, awake=awake)
    assert through(one, raw) == raw and not one.hides


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_answer_is_what_an_assembler_makes_of_the_stream(file):
    raw = file.read_bytes()
    shape = file.name.split("_")[0]
    one, gathered = screen(shape, NAMES), assembler(shape)
    for frame in FrameSplitter().feed(raw):
        event = sse.parse(frame)
        one.feed(event)
        if isinstance(event.json, dict):
            gathered.feed(event.json)
    assert one.answer() == gathered.result()


def test_what_was_not_looked_into_is_bounded():
    one = screen("chat", frozenset({"expand"}))
    frame = sse.encode(b'{"choices":[{"index":0,"delta":{"content":"%b"}}]}' % (b"a" * 1000))
    for _ in range(3000):
        assert one.lets(frame)
    assert one._kept_bytes <= 1_048_576 and len(one.answer()["choices"][0]["message"]["content"]) == 3_000_000


def test_a_changed_event_keeps_its_name_and_id():
    event = Event(b"raw", b'{"a":1}', "delta", "7")
    told = event.json
    assert written(event, told, told) == b"raw"
    assert written(event, {"b": 2}, told) == b'id: 7\nevent: delta\ndata: {"b":2}\n\n'
