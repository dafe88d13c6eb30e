import pytest

from tailrace.config.models import Telemetry
from tailrace.telemetry.env import resolve
from tailrace.telemetry.names import NAMES
from tailrace.telemetry.tracing import Tracing


def tracing(capture="no_content"):
    settings = Telemetry.model_validate({"otlp": {"endpoint": "http://127.0.0.1:1"}, "capture_content": capture})
    return Tracing(resolve(settings, {}), NAMES["2026-10"], lambda _: "PUT")


def queued(export):
    return list(export.backlog._items) if export is not None else []


def test_only_sampled_requests_are_queued(story):
    made = tracing()
    story(sampled=False).attempt(9).whole().end(10).tell(made)
    assert queued(made.spans) == []
    story().attempt(9).whole().end(10).tell(made)
    assert [span.name for span in queued(made.spans)] == ["POST", "chat gpt-4o-mini", "POST /v1/chat/completions"]


def test_no_content_unless_it_was_asked_for(ended, canaries):
    made = tracing()
    assert made.listener(ended.exchange) is None if ended.exchange is not None else True
    ended.tell(made)
    assert not any(canary in repr(queued(made.spans)) for canary in canaries)


@pytest.mark.parametrize(
    ("capture", "in_span", "in_event"),
    [("span_only", True, False), ("event_only", False, True), ("span_and_event", True, True)],
)
def test_content_goes_where_it_was_asked_for_and_nowhere_else(told, canaries, capture, in_span, in_event):
    made, ended = tracing(capture), told["plain"]
    made.listener(ended.exchange)
    ended.tell(made)
    spans, events = queued(made.spans), queued(made.events)
    assert [canaries[0] in repr(span) for span in spans] == [False, in_span, False]
    assert [canaries[0] in repr(event) for event in events] == [True] * in_event
    assert canaries[1] not in repr(spans) + repr(events)


def test_a_hit_has_no_place_for_content(told, canaries):
    made, ended = tracing("span_and_event"), told["hit"]
    made.listener(ended.exchange)
    ended.tell(made)
    assert canaries[0] not in repr(queued(made.spans)) + repr(queued(made.events))


def test_the_method_of_what_never_became_an_exchange(told):
    made = tracing()
    told["nowhere"].tell(made)
    [server] = queued(made.spans)
    assert server.name == "PUT"
