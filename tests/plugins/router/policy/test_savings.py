import pytest

from tailrace.prices import Price
from tailrace_plugins.router.policy.savings import Side, answer_s, saving
from tailrace_plugins.router.speeds import Speed

STRONG, CHEAP = Price(2.5, 10.0, cache_read=1.25), Price(0.15, 0.6)
SLOW, FAST = Speed(1.0, 50.0), Speed(0.5, 100.0)


@pytest.mark.parametrize(
    ("default", "chosen", "usd", "seconds"),
    [
        (Side(STRONG, SLOW), Side(CHEAP, FAST), (10_000 * 2.35 + 200 * 9.4) / 1e6, 5.0 - 2.5),
        (Side(CHEAP, FAST), Side(STRONG, SLOW), -(10_000 * 2.35 + 200 * 9.4) / 1e6, -2.5),
        (
            Side(STRONG, cached_tokens=8_000),
            Side(CHEAP),
            (8_000 * 1.25 + 2_000 * 2.5 + 2_000 - 1_500 - 120) / 1e6,
            None,
        ),
        (Side(None, SLOW), Side(CHEAP, FAST), None, 2.5),
        (Side(STRONG, SLOW), Side(None, FAST), None, 2.5),
        (Side(STRONG, Speed(1.0, None)), Side(CHEAP, FAST), (10_000 * 2.35 + 200 * 9.4) / 1e6, None),
        (Side(STRONG, SLOW), Side(CHEAP, Speed(None, 9.0)), (10_000 * 2.35 + 200 * 9.4) / 1e6, None),
        (Side(Price(float("inf"), 0.0)), Side(CHEAP), None, None),
        (Side(STRONG), Side(STRONG), 0.0, None),
    ],
)
def test_saving(default, chosen, usd, seconds):
    found = saving(default, chosen, 10_000, 200)
    assert found.usd == (None if usd is None else pytest.approx(usd))
    assert found.seconds == (None if seconds is None else pytest.approx(seconds))


def test_more_cached_than_sent_is_all_of_it():
    assert saving(Side(STRONG, cached_tokens=10**9), Side(STRONG, cached_tokens=-5), 10_000, 0).usd == pytest.approx(
        -10_000 * 1.25 / 1e6
    )


def test_the_words():
    assert saving(Side(STRONG, SLOW), Side(CHEAP, FAST), 10_000, 200).words == "$0.025380 cheaper, 2.50 s faster"
    assert saving(Side(CHEAP, FAST), Side(STRONG, SLOW), 10_000, 200).words == "$0.025380 dearer, 2.50 s slower"
    assert saving(Side(), Side(), 1, 1).words == "cost unknown, time unknown"


@pytest.mark.parametrize(
    ("speed", "tokens", "seconds"), [(SLOW, 100, 3.0), (SLOW, -1, 1.0), (Speed(1.0, 0.0), 1, None), (Speed(), 1, None)]
)
def test_answer_s(speed, tokens, seconds):
    assert answer_s(speed, tokens) == seconds
