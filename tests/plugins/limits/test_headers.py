from math import inf

import pytest

from tailrace_plugins.limits.gcra import Rate, take
from tailrace_plugins.limits.headers import duration, limit_headers, retry_headers
from tailrace_plugins.limits.rules import Demand


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0s"), (0.0001, "1ms"), (0.02, "20ms"), (0.9991, "1000ms"), (1, "1s"), (1.2, "2s"), (59.5, "1m0s"),
        (360, "6m0s"), (3_599.9, "1h0m0s"), (3_603, "1h0m3s"), (86_400, "24h0m0s"), (inf, "never"),
    ],
)  # fmt: skip
def test_durations_as_openai_writes_them(seconds, told):
    assert duration(seconds) == told


def stand(kind, count, taken, key="k"):
    rate = Rate(count, 60.0, count)
    return Demand((key,), kind, "", 1, rate), take(rate, 0.0, 100.0, taken)


def test_the_six_headers():
    assert limit_headers(
        [stand("requests", 60, 6), stand("tokens", 600, 60), (Demand(("p",), "concurrency", ""), None)]
    ) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "54",
        "x-ratelimit-reset-requests": "6s",
        "x-ratelimit-limit-tokens": "600",
        "x-ratelimit-remaining-tokens": "540",
        "x-ratelimit-reset-tokens": "6s",
    }


def test_of_several_the_one_with_the_least_left():
    told = limit_headers([stand("requests", 60, 6), stand("requests", 10, 9, "other")])
    assert (told["x-ratelimit-limit-requests"], told["x-ratelimit-remaining-requests"]) == ("10", "1")
    assert limit_headers([]) == {}


@pytest.mark.parametrize(
    ("wait_s", "told"),
    [
        (0.02, {"retry-after": "1", "retry-after-ms": "20"}),
        (1.0001, {"retry-after": "2", "retry-after-ms": "1001"}),
        (inf, {"x-should-retry": "false"}),
    ],
)
def test_when_to_come_again(wait_s, told):
    assert retry_headers(wait_s) == told
