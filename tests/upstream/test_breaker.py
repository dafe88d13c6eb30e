"""Ejection, its growth, the way back, and that nobody is ever left without a target."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.config.models import Deadlines, Provider
from tailrace.testing import ManualClock
from tailrace.upstream.breaker import Breaker
from tailrace.upstream.targets import Target

PROVIDER = Provider(base_url="http://127.0.0.1:1")


def target(name):
    return Target("p", PROVIDER, name, Deadlines())


A, B, C = target("a"), target("b"), target("c")


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def breaker(clock):
    return Breaker(5, 30.0, clock.monotonic)


def fail(breaker, one, times=1):
    for _ in range(times):
        breaker.begin(one)
        breaker.failed(one)


def test_out_after_five_failures_in_a_row(breaker, clock):
    fail(breaker, A, 4)
    assert breaker.order([A, B]) == [A, B]
    fail(breaker, A)
    assert breaker.order([A, B]) == [B]
    assert breaker.ejected() == ["p/a"]
    clock.advance(29.9)
    assert breaker.order([A, B]) == [B]
    clock.advance(0.1)
    assert breaker.order([A, B]) == [A, B]
    assert breaker.ejected() == []


def test_a_success_begins_the_count_anew(breaker):
    fail(breaker, A, 4)
    breaker.begin(A)
    breaker.succeeded(A)
    fail(breaker, A, 4)
    assert breaker.order([A, B]) == [A, B]


def test_one_probe_at_a_time(breaker, clock):
    fail(breaker, A, 5)
    clock.advance(30)
    assert breaker.order([A, B]) == [A, B]
    breaker.begin(A)
    assert breaker.order([A, B]) == [B], "a second probe was let through"
    breaker.succeeded(A)
    assert breaker.order([A, B]) == [A, B]
    fail(breaker, A, 4)
    assert breaker.order([A, B]) == [A, B], "as good as new"


def test_a_probe_whose_client_left_frees_its_place(breaker, clock):
    fail(breaker, A, 5)
    clock.advance(30)
    breaker.begin(A)
    breaker.released(A)
    assert breaker.order([A, B]) == [A, B]
    breaker.released(C)


def test_each_failed_probe_makes_it_longer_up_to_five_minutes(breaker, clock):
    fail(breaker, A, 5)
    for ejections in range(1, 15):
        out_s = min(300.0, 30.0 * ejections)
        clock.advance(out_s - 0.5)
        assert breaker.order([A, B]) == [B], ejections
        clock.advance(0.5)
        assert breaker.order([A, B]) == [A, B], ejections
        fail(breaker, A)
        assert breaker.order([A, B]) == [B]


def test_growth_is_forgotten_with_a_success(breaker, clock):
    fail(breaker, A, 5)
    clock.advance(30)
    fail(breaker, A)
    clock.advance(60)
    breaker.begin(A)
    breaker.succeeded(A)
    fail(breaker, A, 5)
    clock.advance(30)
    assert breaker.order([A, B]) == [A, B]


def test_never_all_of_them(breaker):
    for one in (A, B, C):
        fail(breaker, one, 5)
    assert breaker.order([A, B, C]) == [A, B, C]
    assert breaker.order([A]) == [A]


def test_a_burst_of_failures_is_one_ejection(breaker, clock):
    for _ in range(50):
        breaker.begin(A)
    for _ in range(50):
        breaker.failed(A)
    clock.advance(30)
    assert breaker.order([A, B]) == [A, B]


def test_one_probe_also_among_fallbacks(breaker, clock):
    fail(breaker, B, 5)
    clock.advance(30)
    first, second = breaker.order([A, B]), breaker.order([A, B])
    assert first == second == [A, B]
    # Both find A failing; whatever lets the first probe B must keep the second away.
    assert breaker.begin(B) is not False
    assert breaker.begin(B) is False


def test_bounded_when_clients_name_the_models(clock):
    breaker = Breaker(1, 30.0, clock.monotonic, most=10)
    for number in range(1000):
        fail(breaker, target(str(number)))
    assert len(breaker.ejected()) == 10
    assert breaker.ejected()[-1] == "p/999"


_STEPS = st.lists(
    st.tuples(st.sampled_from(["begin", "succeeded", "failed", "released", "advance"]), st.sampled_from([A, B, C])),
    max_size=60,
)


@given(_STEPS)
def test_always_an_order_of_some(steps):
    clock = ManualClock()
    breaker = Breaker(2, 30.0, clock.monotonic)
    for step, one in steps:
        clock.advance(10) if step == "advance" else getattr(breaker, step)(one)
        order = breaker.order([A, B, C])
        assert order and order == [t for t in (A, B, C) if t in order]
        assert breaker.order([A, B, C]) == order, "asking twice changes nothing"
        assert breaker.order([one]) == [one]
