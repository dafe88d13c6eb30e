"""wire-and-faults, "Retry, fallback, breaker", row by row."""

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tailrace.errors import UpstreamError
from tailrace.upstream.policy import Again, AttemptFailed, RetryBudget, again, backoff_s, leaves, retry_after
from tailrace.wire.endpoints import EndpointKind

NOW = 1_700_000_000.0


def failed(kind="status", status=0, code=None, wait=None):
    return AttemptFailed(kind, UpstreamError("x"), status, code, wait)


def verdict(failure, left="nothing", most=10.0):
    return again(failure, leaves=left, retry_after_max_s=most)


@pytest.mark.parametrize(
    ("failure", "nothing", "changes"),
    [
        # Always safe: the provider never saw it.
        (failed("connect"), Again.ALWAYS, Again.ALWAYS),
        # Allowed within the budget.
        (failed(status=429), Again.BUDGET, Again.NEVER),
        (failed(status=429, wait=10.0), Again.BUDGET, Again.NEVER),
        (failed(status=429, wait=0.0), Again.BUDGET, Again.NEVER),
        (failed(status=502), Again.BUDGET, Again.NEVER),
        (failed(status=503), Again.BUDGET, Again.NEVER),
        (failed(status=529), Again.BUDGET, Again.NEVER),
        (failed("disconnect"), Again.BUDGET, Again.NEVER),
        # A longer wait than is worth it: only another target.
        (failed(status=429, wait=10.1), Again.ELSEWHERE, Again.NEVER),
        (failed(status=503, wait=3600.0), Again.ELSEWHERE, Again.NEVER),
        # It may have been worked on.
        (failed("timeout"), Again.ELSEWHERE, Again.NEVER),
        (failed("bad-answer"), Again.ELSEWHERE, Again.NEVER),
        (failed(status=500), Again.ELSEWHERE, Again.NEVER),
        (failed(status=504), Again.ELSEWHERE, Again.NEVER),
        (failed(status=408), Again.ELSEWHERE, Again.NEVER),
        # Never.
        *(
            (failed(status=s), Again.NEVER, Again.NEVER)
            for s in (400, 401, 402, 403, 404, 405, 409, 413, 422, 501, 600)
        ),
        (failed("refused", 401), Again.NEVER, Again.NEVER),
        (failed("refused", 302), Again.NEVER, Again.NEVER),
        (failed("refused", 503), Again.NEVER, Again.NEVER),
        *(
            (failed(status=status, code=code), Again.NEVER, Again.NEVER)
            for status in (400, 429, 503)
            for code in (
                "insufficient_quota",
                "billing_hard_limit_reached",
                "content_filter",
                "content_policy_violation",
            )
        ),
        (failed("connect", code="insufficient_quota"), Again.ALWAYS, Again.ALWAYS),
    ],
    ids=lambda value: (
        f"{value.kind}-{value.status}-{value.code}-{value.retry_after_s}" if hasattr(value, "kind") else ""
    ),
)
def test_again(failure, nothing, changes):
    assert (verdict(failure), verdict(failure, "changes")) == (nothing, changes)
    # A second stored copy does no harm, but is not made on purpose where the first may be under way.
    copies = Again.ELSEWHERE if failure.kind == "disconnect" else nothing
    assert verdict(failure, "copies") == copies


@given(st.integers(100, 999), st.none() | st.floats(0, 1e6), st.sampled_from(["nothing", "copies", "changes"]))
def test_only_busy_statuses_are_asked_twice(status, wait, left):
    found = verdict(failed(status=status, wait=wait), left)
    asked_twice = status in (429, 502, 503, 529) and left != "changes" and (wait is None or wait <= 10)
    assert (found is Again.BUDGET) is asked_twice and found is not Again.ALWAYS


CHAT, RESPONSES, PASSTHROUGH = EndpointKind.CHAT, EndpointKind.RESPONSES, EndpointKind.PASSTHROUGH


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        (CHAT, {}, "nothing"),
        (CHAT, {"store": True}, "changes"),
        (CHAT, {"store": False}, "nothing"),
        (CHAT, {"store": None}, "nothing"),
        # The Responses API stores unless it is told not to.
        (RESPONSES, {}, "copies"),
        (RESPONSES, {"store": None}, "copies"),
        (RESPONSES, {"store": False}, "nothing"),
        (RESPONSES, {"store": True}, "changes"),
        (RESPONSES, {"background": True, "store": False}, "changes"),
        (RESPONSES, {"background": False, "store": False}, "nothing"),
        (RESPONSES, {"previous_response_id": "resp_1", "store": False}, "changes"),
        (RESPONSES, {"previous_response_id": None, "store": False}, "nothing"),
        (RESPONSES, {"conversation": {"id": "conv_1"}}, "changes"),
        (RESPONSES, {"conversation": "conv_1"}, "changes"),
        (EndpointKind.MESSAGES, {}, "nothing"),
        (EndpointKind.EMBEDDINGS, {}, "nothing"),
        (PASSTHROUGH, {}, "changes"),
    ],
)
def test_what_a_repetition_leaves_behind(kind, payload, expected):
    assert leaves("POST", kind, payload, CIMultiDict()) == expected
    assert leaves("POST", kind, payload, CIMultiDict({"Idempotency-Key": "k"})) == "nothing"
    assert leaves("DELETE", PASSTHROUGH, {}, CIMultiDict()) == "changes"
    assert leaves("GET", PASSTHROUGH, {}, CIMultiDict()) == "nothing"


def date(seconds):
    return email.utils.formatdate(NOW + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "-1", "retry-after": "9"}, 9.0),
        ({"retry-after": date(30)}, 30.0),
        ({"retry-after": date(-30)}, 0.0),
        ({"retry-after-ms": "nan", "retry-after": date(5)}, 5.0),
        ({"retry-after": "Tuesday, 14-Nov-23 22:13:50 GMT"}, 30.0),
        ({"retry-after": "2023-11-14T22:13:50Z"}, None),
        *(({"retry-after": text}, None) for text in ("", "soon", "-5", "nan", "inf", "-inf", "1e999", "Wed,", "0x10")),
    ],
)
def test_retry_after(headers, expected):
    assert retry_after(CIMultiDict(headers), NOW) == expected


_DATES = st.lists(
    st.sampled_from(
        ["Mon,", "1", "Jan", "2015", "07:28:00", "GMT", "+0000", "-", ",", ":", "(", "9" * 6, "\x00", "PM"]
    ),
    max_size=7,
).map(" ".join)


@given(st.text(max_size=40) | _DATES, st.text(max_size=10))
def test_retry_after_never_fails(seconds, milliseconds):
    found = retry_after({"retry-after": seconds, "retry-after-ms": milliseconds}, NOW)
    assert found is None or 0 <= found < float("inf")


@pytest.mark.parametrize("text", ["Mon, 1 Jan 99999999999999 00:00:00 GMT", "Wed, 21 Oct 2015 99999999999:28:00 GMT"])
def test_a_date_beyond_all_dates(text):
    assert retry_after({"retry-after": text}, NOW) is None


def test_backoff_takes_what_was_asked():
    assert backoff_s(3, 0.7, 1.0) == 0.7
    assert backoff_s(3, 0.0, 1.0) == 0.0


@given(st.integers(0, 20), st.floats(0, 1))
def test_backoff_grows_to_two_seconds_and_is_spread(attempt, noise):
    full = min(2.0, 0.1 * 2**attempt)
    assert full / 2 <= backoff_s(attempt, None, noise) <= full
    assert backoff_s(attempt, None, 0.0) < backoff_s(attempt, None, 1.0)


@pytest.mark.parametrize(
    ("share", "active", "most"), [(0.2, 0, 3), (0.2, 15, 3), (0.2, 19, 3), (0.2, 20, 4), (0.2, 1000, 200), (0.0, 99, 3)]
)
def test_retry_budget(share, active, most):
    budget = RetryBudget(share)
    budget.active = active
    taken = 0
    while budget.take():
        taken += 1
    assert taken == most
    budget.give_back()
    assert budget.take() and not budget.take()
