"""How the replay tests read a stream back."""

import pytest

from tailrace.wire import sse


def read_events(frames):
    """The parsed JSON of each event; the frames must be whole events, one each."""
    splitter = sse.FrameSplitter()
    split = splitter.feed(b"".join(frames))
    assert split == list(frames)
    assert splitter.rest == b""
    return [sse.parse(frame).json for frame in split if not sse.parse(frame).is_done]


@pytest.fixture(name="events")
def _events():
    return read_events
