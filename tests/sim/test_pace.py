import pytest

from tailrace.sim import SimSettings
from tailrace.sim.pace import Pace, first_token_ms
from tailrace.sim.script import Kind, Step

STEPS = [Step(b"o", Kind.OPEN), Step(b"r"), Step(b"1", tokens=1), Step(b"2", tokens=2), Step(b"d", Kind.DONE)]


def test_without_delays_the_steps_are_handed_on_untouched():
    assert Pace(0, 0).over(STEPS) is STEPS
    assert Pace(0, 0).whole_ms(100) == 0


def test_each_token_waits_its_time_and_openings_do_not():
    assert [step.wait_ms for step in Pace(300, 10).over(STEPS)] == [0, 300, 10, 20, 0]
    assert Pace(300, 10).whole_ms(5) == 350


def test_jitter_stays_within_its_share_and_is_the_same_for_the_same_seed():
    made = [[step.wait_ms for step in Pace(0, 10, 0.2, 7).over([Step(b"x", tokens=1)] * 50)][1:] for _ in range(2)]
    assert made[0] == made[1]
    assert all(8 <= wait <= 12 for wait in made[0])
    assert len(set(made[0])) > 10


@pytest.mark.parametrize(
    ("prompt", "cached", "expected"), [(0, 0, 300), (8000, 0, 600), (8000, 8000, 120), (10**7, 0, 5100)]
)
def test_first_token(prompt, cached, expected):
    assert first_token_ms(SimSettings(), prompt, cached) == pytest.approx(expected)


def test_a_cached_prefix_is_faster_and_zero_is_zero():
    times = [first_token_ms(SimSettings(), 10_000, cached) for cached in (0, 2048, 5120, 9984)]
    assert times == sorted(times, reverse=True)
    assert first_token_ms(SimSettings(first_token_ms=0), 10_000, 0) == 0
    assert first_token_ms(SimSettings(), 0, 0, 50.0) == 50
