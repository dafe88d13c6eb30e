import pytest

from tailrace.sim import FAULTS
from tailrace.sim.errors import Refusal
from tailrace.sim.faults import Counters, chosen
from tailrace.sim.script import End, Script, Shape


@pytest.mark.parametrize("model", ["gpt-4o", "fault", "my-fault-429", ""])
def test_other_names_are_no_faults(model):
    assert chosen(model) is None


@pytest.mark.parametrize(
    ("model", "number", "times"),
    [
        ("fault-429", 0, None),
        ("fault-html-502", 0, None),
        ("fault-slow-tokens", 500, None),
        ("fault-slow-tokens-20", 20, None),
        ("fault-retry-after-30", 30, None),
        ("fault-cut-midstream-0", 0, None),
        ("fault-429-once", 0, 1),
        ("fault-429-once-abc", 0, 1),
        ("fault-429-times-2-abc", 0, 2),
        ("fault-disconnect-times-3", 0, 3),
        ("fault-huge-event-7-times-1-a-b", 7, 1),
        ("fault-503-times-2-a-times-9-b", 0, 2),
    ],
)
def test_a_name_is_read(model, number, times):
    made = chosen(model)
    assert (made.number, made.times) == (number, times)


@pytest.mark.parametrize("model", FAULTS)
def test_every_listed_name_works_and_is_described(model):
    assert chosen(model) is not None
    assert FAULTS[model].endswith(".")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529])
def test_a_status_is_answered_in_the_endpoints_shape(status):
    fault = chosen(f"fault-{status}")
    assert fault.spoil(Script()).status == status
    (step,) = fault.spoil(Script(shape=Shape.ANTHROPIC)).steps
    assert step.data.startswith(b'{"type":"error"')


def test_rate_limits_say_when_to_come_back():
    assert ("retry-after", "30") in chosen("fault-retry-after-30").spoil(Script()).headers
    assert ("retry-after-ms", "1000") in chosen("fault-429").spoil(Script()).headers


def test_a_fault_without_a_byte():
    made = chosen("fault-disconnect").spoil(Script())
    assert (made.head, made.end) == (False, End.CLOSE)


@pytest.mark.parametrize(
    ("model", "hint"), [("fault-hnag", "fault-hang"), ("fault-zzzz", "--faults"), ("fault-429-7", "")]
)
def test_an_unknown_fault_is_refused_with_the_nearest_name(model, hint):
    with pytest.raises(Refusal) as caught:
        chosen(model)
    assert caught.value.code == "unknown_fault"
    assert hint in caught.value.message


def test_counts_are_kept_by_the_exact_name():
    counters = Counters()
    assert [counters.due("fault-429-times-2-a", 2) for _ in range(4)] == [True, True, False, False]
    assert counters.due("fault-429-times-2-b", 2)
    assert all(counters.due("fault-429", None) for _ in range(5))
