import pytest

from tailrace.abilities import Abilities
from tailrace.exchange import Outcome
from tailrace.wire.usage import Usage
from tailrace_plugins.router.speeds import Speed, Speeds


def outcome(tokens=100, model="m", **more):
    given = {"state": "complete", "status": 200, "duration_s": 1.0, "usage": Usage(10, tokens), **more}
    return Outcome(provider="p", model=model, **given)


def test_nothing_is_known_before_an_answer():
    assert Speeds().of("p", "m", Abilities()) == Speed(None, None)


def test_a_stream_tells_both():
    speeds = Speeds()
    speeds.heard(outcome(100), 2.5, 0.5)
    assert speeds.of("p", "m", Abilities()) == Speed(0.5, 50.0)
    assert speeds.of("other", "m", Abilities()) == Speed()


def test_a_whole_answer_tells_how_long_it_took_in_all():
    speeds = Speeds()
    speeds.heard(outcome(100), 2.0, None)
    assert speeds.of("p", "m", Abilities()) == Speed(None, 50.0)


def test_the_average_moves_a_tenth_of_the_way():
    speeds = Speeds()
    speeds.heard(outcome(100), 1.0, None)
    speeds.heard(outcome(200), 1.0, None)
    assert speeds.of("p", "m", Abilities()).tokens_per_s == pytest.approx(110)


@pytest.mark.parametrize(
    "ended",
    [
        outcome(state="failed"),
        outcome(state="client_left"),
        outcome(status=500),
        outcome(usage=None),
        outcome(tokens=7),
        outcome(tokens=0),
    ],
)
def test_what_tells_nothing_is_not_counted(ended):
    speeds = Speeds()
    speeds.heard(ended, 1.0, None)
    assert speeds.of("p", "m", Abilities()).tokens_per_s is None


def test_no_time_is_no_rate():
    speeds = Speeds()
    speeds.heard(outcome(), 0.0, None)
    speeds.heard(outcome(), 1.0, 1.0)
    assert speeds.of("p", "m", Abilities()) == Speed(1.0, None)


def test_what_is_configured_stands():
    speeds = Speeds()
    speeds.heard(outcome(100), 2.5, 0.5)
    assert speeds.of("p", "m", Abilities(tokens_per_s=9.0)) == Speed(0.5, 9.0)


def test_the_models_are_bounded():
    speeds = Speeds()
    for number in range(300):
        speeds.heard(outcome(model=f"m{number}"), 1.0, None)
    assert speeds.of("p", "m0", Abilities()) == Speed()
    assert speeds.of("p", "m299", Abilities()).tokens_per_s == 100
