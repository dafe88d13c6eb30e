import random

from tailrace.clock import SystemClock
from tailrace.exchange import Reply
from tailrace.telemetry.recorder import Recorder


def recorder(*sinks, **more):
    return Recorder(SystemClock(), random.Random(1), 1.0, list(sinks), batch=1, **more)


def test_a_request_begins_and_ends(told):
    heard, live = [], {}
    made = recorder(lambda *what: heard.append(what), live=live)
    trail = made.begin({}, "PUT")
    assert live == {trail: "PUT"}
    assert trail.request_id.startswith("req_")
    assert trail.trace.sampled
    ended = told["plain"]
    made.finish(ended.endpoint, None, trail, lambda: ended.outcome)
    assert heard == [(ended.endpoint, None, trail, ended.outcome)]
    assert not live


def test_a_failing_sink_fails_no_request_and_no_other_sink(told, caplog, canaries):
    heard = []

    def fails(*_):
        raise ValueError(canaries[0])

    made = recorder(fails, lambda *what: heard.append(what))
    ended = told["plain"]
    made.finish(ended.endpoint, ended.exchange, ended.trail, lambda: ended.outcome)
    assert len(heard) == 1
    assert "ValueError" in caplog.text
    assert canaries[0] not in caplog.text


def test_a_reply_is_tapped_only_where_somebody_listens(told):
    exchange, reply = told["plain"].exchange, Reply(200, {}, b"{}")
    assert recorder().tapped(exchange, reply) is reply
    assert recorder(listener=lambda _: None).tapped(exchange, reply) is reply
    heard = []
    tell = recorder(listener=lambda _: heard.append).tapped(exchange, reply).heard_whole()
    tell()
    assert [event.data for event in heard] == [b"{}"]
