from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.limits.gcra import Rate, settled, take

MINUTE = Rate(60, 60.0, 60)


def test_a_burst_and_then_one_each_second():
    tat = 0.0
    for number in range(60):
        taking = take(MINUTE, tat, 100.0, 1)
        assert taking.allowed and taking.remaining == 59 - number
        tat = taking.tat
    refused = take(MINUTE, tat, 100.0, 1)
    assert (
        not refused.allowed and refused.tat == tat and refused.wait_s == pytest.approx(1.0) and refused.remaining == 0
    )
    assert refused.reset_s == pytest.approx(60.0), "until all is back"
    assert take(MINUTE, tat, 101.0, 1).allowed and not take(MINUTE, tat, 100.9, 1).allowed


def test_around_the_boundary_of_a_minute_there_is_one_burst():
    tat, allowed = 0.0, 0
    for now in [59.9] * 60 + [60.1] * 60:
        taking = take(MINUTE, tat, now, 1)
        tat, allowed = taking.tat, allowed + taking.allowed
    assert allowed == 60


@pytest.mark.parametrize(
    ("rate", "units", "allowed", "wait_s"),
    [
        (Rate(0, 60.0, 0), 1, False, inf),
        (Rate(10, 60.0, 10), 11, False, inf),
        (Rate(10, 60.0, 10), 10, True, 0.0),
        (Rate(10, 60.0, 10), 0, True, 0.0),
        (Rate(10, 60.0, 3), 4, False, inf),
        (Rate(1, 86_400.0, 1), 1, True, 0.0),
    ],
)
def test_what_is_allowed(rate, units, allowed, wait_s):
    taking = take(rate, 0.0, 1_000.0, units)
    assert (taking.allowed, taking.wait_s) == (allowed, wait_s)


def test_a_refund_and_a_debt():
    rate = Rate(1_000, 60.0, 1_000)
    tat = take(rate, 0.0, 50.0, 800).tat
    assert take(rate, settled(rate, tat, 800, 100), 50.0, 1).remaining == 899
    owed = settled(rate, tat, 800, 2_000)
    assert not take(rate, owed, 50.0, 1).allowed
    assert take(rate, owed, 50.0, 1).wait_s == pytest.approx(60.06)
    assert settled(Rate(0, 60.0, 0), 5.0, 1, 2) == 5.0


@given(
    st.integers(1, 1_000),
    st.integers(1, 1_000),
    st.lists(st.tuples(st.floats(0, 5), st.integers(0, 50)), min_size=1, max_size=80),
)
def test_never_more_than_the_burst_and_what_flows_off(count, burst, steps):
    rate = Rate(count, 60.0, min(burst, count))
    tat, now, taken, began = 0.0, 10.0, 0, 10.0
    for pause, units in steps:
        now += pause
        taking = take(rate, tat, now, units)
        if taking.allowed:
            taken += units
            tat = taking.tat
        else:
            assert taking.tat == tat and taking.wait_s > 0
            if taking.wait_s < inf:
                # The client that waits as it was told gets it, if nobody else does.
                assert take(rate, tat, now + taking.wait_s + 1e-6, units).allowed
        assert taking.remaining >= 0 and taken <= rate.burst + (now - began) * count / 60.0 + 1e-3
