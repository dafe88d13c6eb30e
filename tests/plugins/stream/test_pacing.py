import pytest

from tailrace.testing import chat_chunk
from tailrace_plugins.stream.pacing import Pacer


def waits(pacer, frames, now=10.0, reading_s=0.0):
    """The waits when each event is sent as soon as it may, and the client takes `reading_s` for it."""
    found = []
    for frame in frames:
        wait = pacer.wait_s(frame, now)
        found.append(round(wait, 6))
        now += wait + reading_s
    return found


def test_characters():
    frames = [chat_chunk(text) for text in ("ab", "abcd", "", "a")]
    assert waits(Pacer("chat", chars_per_s=10), frames) == [0, 0.2, 0.4, 0]


def test_events():
    assert waits(Pacer("chat", events_per_s=4), [chat_chunk("abc")] * 3) == [0, 0.25, 0.25]


def test_nothing_waits_longer_than_a_second():
    assert waits(Pacer("chat", chars_per_s=1), [chat_chunk("x" * 500), chat_chunk("y")]) == [0, 1]


def test_a_slow_client_is_not_slowed_down_more():
    assert waits(Pacer("chat", events_per_s=4), [chat_chunk("abc")] * 3, reading_s=0.2) == [0, 0.05, 0.05]
    assert waits(Pacer("chat", events_per_s=4), [chat_chunk("abc")] * 3, reading_s=9) == [0, 0, 0]


@pytest.mark.parametrize(("text", "chars"), [("öäü", 3), ("日本", 2), ('"\\', 2), ("a\nb", 3), ("\x01", 1)])
def test_characters_are_not_bytes(text, chars):
    assert waits(Pacer("chat", chars_per_s=10), [chat_chunk(text), b": c\n\n"]) == [0, pytest.approx(chars / 10)]


def test_events_without_text_cost_nothing():
    assert waits(Pacer("chat", chars_per_s=10), [chat_chunk(finish="stop"), b"data: [DONE]\n\n", b"\n"]) == [0, 0, 0]
