from tailrace.exchange import Outcome, Reply
from tailrace.testing import chat_text, exchange
from tailrace.wire import jsonio, sse
from tailrace_plugins.router.cascade.gathering import Gathering, hear


def gathered(*frames):
    made = Gathering("chat")
    for frame in frames:
        made(sse.parse(frame))
    return made.answer()


def test_a_stream_is_put_together():
    assert gathered(*chat_text("a", "b")).text == "ab" and gathered(*chat_text("a")).is_complete


def test_what_is_too_long_or_cannot_be_read_is_no_answer():
    assert gathered(*chat_text("x" * 600_000, "y" * 600_000)).broken
    assert gathered(b"data: nonsense\n\n", *chat_text("a")).broken


def heard(body, outcome):
    asks, told = exchange({"model": "m"}), []
    reply = hear("chat", asks, Reply(200, {}, jsonio.dumps(body)), told.append)
    assert reply.json() == body
    ((_, ended),) = asks.trail.enders
    ended(outcome)
    return [answer.text for answer in told]


def test_only_complete_answers_that_the_client_has_are_told(kit):
    assert heard(kit.body("a"), Outcome("complete", 200, 1.0)) == ["a"]
    assert heard(kit.body("a"), Outcome("client_left", 200, 1.0)) == []
    assert heard(kit.body("a"), Outcome("failed", 200, 1.0)) == []
    assert heard(kit.body("a"), Outcome("complete", 400, 1.0)) == []
    assert heard(kit.body("a", finish="length"), Outcome("complete", 200, 1.0)) == []
    assert heard({"error": {"message": "x"}}, Outcome("complete", 200, 1.0)) == []
