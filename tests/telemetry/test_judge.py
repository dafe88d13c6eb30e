import pytest

from tailrace.telemetry.judge import attempt_error, call_error, overhead_s, route_of, server_error, upstream_s
from tailrace.wire.endpoints import CHAT, PASSTHROUGH


def test_a_route_that_was_not_found_is_none(told):
    assert route_of(PASSTHROUGH, None) == ""
    assert route_of(CHAT, None) == "/v1/chat/completions"
    assert route_of(PASSTHROUGH, told["plain"].exchange) == "/v1/*"


@pytest.mark.parametrize(
    ("kind", "server", "call"),
    [
        ("plain", "", ""),
        ("refused", "", ""),
        ("left", "", ""),
        ("left_early", "", ""),
        ("cut", "cut", "cut"),
        ("timeout", "timeout", "timeout"),
        ("failed", "server_error", "503"),
    ],
)
def test_who_failed(told, kind, server, call):
    ended = told[kind]
    assert server_error(ended.outcome) == server
    assert call_error(ended.trail, ended.outcome) == call


def test_a_failure_that_was_answered_by_a_later_attempt_is_none_of_the_call(told):
    ended = told["retry"]
    ended.trail.error_type = "429"
    assert call_error(ended.trail, ended.outcome) == ""
    assert [attempt_error(ended.trail, ended.outcome, each) for each in ended.trail.attempts] == ["429", ""]


def test_our_own_failure_after_a_good_answer_is_not_the_providers(story):
    ended = story().attempt(9).whole().end(10, status=500, error="internal_error")
    assert server_error(ended.outcome) == "internal_error"
    assert call_error(ended.trail, ended.outcome) == ""


def test_what_a_provider_writes_does_not_become_an_error_type(story):
    ended = story().attempt(9).gave_up("sk-secret key").end(10, status=500, error="sk-secret key")
    assert server_error(ended.outcome) == call_error(ended.trail, ended.outcome) == "_OTHER"


@pytest.mark.parametrize(
    ("kind", "upstream", "overhead"),
    [("plain", 0.798, 0.005), ("stream", 0.998, 0.0024), ("retry", 0.898, 0.007)],
)
def test_where_the_time_went(told, kind, upstream, overhead):
    trail = told[kind].trail
    assert upstream_s(trail) == pytest.approx(upstream)
    assert overhead_s(trail) == pytest.approx(overhead)


@pytest.mark.parametrize("kind", ["hit", "refused", "timeout"])
def test_no_overhead_without_an_answer(told, kind):
    assert overhead_s(told[kind].trail) is None
