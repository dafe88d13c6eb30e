import pytest

from tailrace_plugins.limits.gcra import Rate
from tailrace_plugins.limits.rules import demands, estimate
from tailrace_plugins.limits.settings import LimitsSettings


def keys(settings, tenant="alice", model="m", tokens=10):
    return [demand.key for demand in demands(LimitsSettings(**settings), tenant, model, tokens)]


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({}, []),
        ({"each_tenant": {"requests_per_minute": 5}}, [("tenant", "alice", "minute")]),
        ({"total": {"concurrency": 5}}, [("total", "at once")]),
        ({"models": {"m": {"requests_per_day": 5}}}, [("model", "alice", "m", "day")]),
        ({"models": {"other": {"requests_per_day": 5}}}, []),
        ({"tenants": {"bob": {"concurrency": 1}}}, []),
        (
            {"each_tenant": {"requests_per_minute": 5}, "tenants": {"alice": {"tokens_per_minute": 9}}},
            [("tenant", "alice", "minute"), ("tenant", "alice", "tokens")],
        ),
        (
            {"each_tenant": {"requests_per_minute": 5}, "tenants": {"alice": {"requests_per_minute": None}}},
            [],
        ),
        (
            {"models": {"m": {"concurrency": 1}}, "each_tenant": {"concurrency": 2}, "total": {"concurrency": 3}},
            [("model", "alice", "m", "at once"), ("tenant", "alice", "at once"), ("total", "at once")],
        ),
    ],
)
def test_which_limits_a_request_meets(settings, found):
    assert keys(settings) == found


def test_what_it_takes():
    settings = LimitsSettings(
        each_tenant={"requests_per_minute": 60, "burst_requests": 10, "tokens_per_minute": 1_000, "burst_tokens": 500}
    )
    requests, tokens = demands(settings, "alice", "m", 800)
    assert (requests.rate, requests.units) == (Rate(60, 60.0, 10), 1)
    assert (tokens.rate, tokens.units) == (Rate(1_000, 60.0, 500), 500), "never more than there is at once"


def test_tenants_never_share():
    one, other = (set(keys({"each_tenant": {"concurrency": 1}}, tenant)) for tenant in ("a", "b"))
    assert one.isdisjoint(other)
    odd = {"models": {"m": {"concurrency": 1}, "b": {"concurrency": 1}}}
    assert keys(odd, "a", "b") != keys(odd, "a b", "m")


@pytest.mark.parametrize(
    ("payload", "body_bytes", "tokens"),
    [
        ({}, 400, 1_100),
        ({"max_tokens": 50}, 400, 150),
        ({"max_completion_tokens": 7, "max_tokens": 50}, 0, 7),
        ({"max_output_tokens": 9}, 0, 9),
        ({"max_tokens": 0}, 0, 0),
        ({"max_tokens": 10, "n": 3}, 0, 30),
        ({"max_tokens": 10, "n": 10**9}, 0, 1_280),
        ({"max_tokens": -5}, 0, 1_000),
        ({"max_tokens": True, "n": True}, 0, 1_000),
        ({"max_tokens": 1.5, "n": "3"}, 0, 1_000),
    ],
)
def test_what_a_request_may_cost(payload, body_bytes, tokens):
    assert estimate(payload, body_bytes, 1_000) == tokens
