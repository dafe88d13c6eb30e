from tailrace_plugins.limits.gcra import Rate
from tailrace_plugins.limits.memory import Memory, Refused, Taken
from tailrace_plugins.limits.rules import Demand

REQUESTS = Demand(("a", "minute"), "requests", "requests", 1, Rate(2, 60.0, 2))
TOKENS = Demand(("a", "tokens"), "tokens", "tokens", 100, Rate(150, 60.0, 150))
PLACE = Demand(("a", "at once"), "concurrency", "places", slots=1)


def test_all_or_none():
    memory = Memory()
    first = memory.take([REQUESTS, TOKENS], 10.0)
    assert isinstance(first, Taken)
    refused = memory.take([REQUESTS, TOKENS], 10.0)
    assert isinstance(refused, Refused) and refused.demand is TOKENS and refused.wait_s > 0
    again = memory.take([REQUESTS], 10.0)
    assert isinstance(again, Taken), "the request that was refused for its tokens has not been counted"
    assert isinstance(memory.take([REQUESTS], 10.0), Refused)


def test_places_come_back():
    memory = Memory()
    taken = memory.take([PLACE], 10.0)
    assert isinstance(taken, Taken) and isinstance(memory.take([PLACE], 10.0), Refused)
    memory.settle(taken, None)
    assert isinstance(memory.take([PLACE], 10.0), Taken)


def test_tokens_are_settled_once_they_are_known():
    memory = Memory()
    taken = memory.take([TOKENS], 10.0)
    memory.settle(taken, 10)
    assert isinstance(memory.take([TOKENS], 10.0), Taken), "90 came back"
    unknown = Memory()
    unknown.settle(unknown.take([TOKENS], 10.0), None)
    assert isinstance(unknown.take([TOKENS], 10.0), Refused), "what nobody has counted stays taken"


def test_what_has_flowed_off_takes_no_memory():
    memory = Memory()
    for number in range(100_000):
        memory.take([Demand(("tenant", str(number), "minute"), "requests", "r", 1, Rate(60, 60.0, 60))], number * 0.01)
    assert len(memory) <= 400, "one of 60 a minute is back after a second"


def test_it_is_bounded_whatever_comes():
    memory = Memory()
    for number in range(60_000):
        memory.take([Demand(("tenant", str(number), "day"), "requests", "r", 1, Rate(1, 86_400.0, 1))], 1.0)
    assert len(memory) <= 10_001
