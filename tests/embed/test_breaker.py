"""Failures in a row, pauses, and the one call that tries again."""

from tailrace.embed.breaker import FAILURES, Breaker
from tailrace.testing import ManualClock


def failed(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        assert breaker.admits()
        breaker.ended(False)


def test_a_good_call_starts_the_count_anew():
    breaker = Breaker(ManualClock())
    for _ in range(3):
        failed(breaker, FAILURES - 1)
        breaker.ended(True)
    assert breaker.admits()


def test_what_says_nothing_counts_for_nothing():
    breaker = Breaker(ManualClock())
    failed(breaker, FAILURES - 1)
    breaker.ended(None)
    assert breaker.admits()
    breaker.ended(False)
    assert not breaker.admits()


def test_pauses_double_and_one_call_tries():
    clock = ManualClock()
    breaker = Breaker(clock)
    failed(breaker, FAILURES)
    for pause_s in (1, 2, 4, 8, 16, 32, 60, 60):
        clock.advance(pause_s - 0.01)
        assert not breaker.admits()
        clock.advance(0.02)
        assert breaker.admits() and not breaker.admits()
        breaker.ended(False)
    clock.advance(61)
    assert breaker.admits()
    breaker.ended(True)
    assert breaker.admits() and breaker.admits()
    breaker.ended(True)
    failed(breaker, FAILURES)
    clock.advance(1.01)
    assert breaker.admits()


def test_late_failures_do_not_lengthen_the_pause():
    clock = ManualClock()
    breaker = Breaker(clock)
    for _ in range(20):
        assert breaker.admits()
    for _ in range(20):
        breaker.ended(False)
    clock.advance(1.01)
    assert breaker.admits()
