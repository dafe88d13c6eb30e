import pytest

from tailrace.abilities import Abilities
from tailrace.exchange import DroppedBill, Outcome
from tailrace.models import ModelFacts
from tailrace.prices import Price
from tailrace.wire.usage import Usage
from tailrace_plugins.router.ledger import Saved, at_default, saved
from tailrace_plugins.router.speeds import Speed

MILLION = 1_000_000
LARGE = Price(2.0, 10.0, 0.2)
DEFAULT = ModelFacts("large", "p", "openai", "h", "large", LARGE, Abilities())


def outcome(usage, cost, model="small", **more):
    given = {"state": "complete", "status": 200, "duration_s": 1.0, **more}
    return Outcome(provider="p", model=model, usage=usage, cost_usd=cost, **given)


def test_the_default_would_have_billed_more():
    told = saved(outcome(Usage(MILLION, MILLION), 0.6), DEFAULT, Speed(), 0)
    assert told == Saved(pytest.approx(12.0 - 0.6), None)


def test_a_prefix_that_the_default_would_have_had_in_its_cache_is_not_credited():
    told = saved(outcome(Usage(MILLION, 0), 0.1), DEFAULT, Speed(), MILLION)
    assert told.usd == pytest.approx(0.2 - 0.1, abs=1e-3)
    moved_up = saved(outcome(Usage(MILLION, 0), 10.0, "huge"), DEFAULT, Speed(), MILLION)
    assert moved_up.usd == pytest.approx(0.2 - 10.0, abs=1e-3)


def test_time_where_the_default_has_been_measured():
    told = saved(outcome(Usage(10, 100), 0.0), DEFAULT, Speed(0.5, 50.0), 0)
    assert told.seconds == pytest.approx(0.5 + 2.0 - 1.0)


@pytest.mark.parametrize(
    "ended",
    [
        outcome(None, None),
        outcome(Usage(1, 1), None, state="client_left"),
        outcome(Usage(1, 1), 0.1, state="failed"),
        outcome(Usage(1, 1), 0.1, status=500),
    ],
)
def test_what_did_not_end_well_saved_nothing(ended):
    assert saved(ended, DEFAULT, Speed(0.5, 50.0), 0) == Saved(None, None)


def test_an_unknown_price_is_not_nothing():
    assert saved(outcome(Usage(1, 1), None), DEFAULT, Speed(), 0).usd is None
    unknown = ModelFacts("large", "p", "openai", "h", "large", None, Abilities())
    assert saved(outcome(Usage(1, 1), 0.1), unknown, Speed(), 0).usd is None


def test_where_the_default_itself_answered_only_what_was_dropped_counts():
    own = outcome(Usage(MILLION, 0), 2.0, "large")
    assert saved(own, DEFAULT, Speed(0.5, 50.0), MILLION, is_default=True) == Saved(0.0, 0.0)
    fallback = outcome(Usage(MILLION, 0), 0.1, "what-falls-back-for-it")
    assert saved(fallback, DEFAULT, Speed(), 0, is_default=True) == Saved(0.0, 0.0)
    bill = DroppedBill("p", "small", Usage(10, 10), 0.25)
    dropped = outcome(Usage(10, 0), 0.3, "large", dropped=(bill,))
    assert saved(dropped, DEFAULT, Speed(), 0, is_default=True) == Saved(-0.25, None)


def test_a_dropped_answer_is_owed_whatever_became_of_the_request():
    bill = DroppedBill("p", "small", Usage(10, 10), 0.25)
    assert saved(outcome(Usage(1, 1), 0.3, state="client_left", dropped=(bill,)), DEFAULT, Speed(), 0).usd == -0.25
    assert saved(outcome(None, 0.25, status=502, dropped=(bill,)), DEFAULT, Speed(), 0).usd == -0.25


@pytest.mark.parametrize(
    ("usage", "prefix", "read"),
    [
        (Usage(5000, 10), 0, 0),
        (Usage(5000, 10), 1023, 0),
        (Usage(5000, 10), 1100, 1024),
        (Usage(5000, 10), 9000, 5000),
        (Usage(5000, 10, cache_read_tokens=3000), 2048, 3000),
    ],
)
def test_what_the_default_would_have_read_from_its_cache(usage, prefix, read):
    told = at_default(usage, LARGE, prefix)
    assert (told.input_tokens, told.output_tokens, told.cache_read_tokens) == (5000, 10, read)
    assert told.cache_write_tokens == 0


def test_what_it_would_have_written_where_writing_has_a_price():
    dear = Price(2.0, 10.0, 0.2, 2.5)
    assert at_default(Usage(5000, 10, cache_write_tokens=5000), dear, 2048).cache_write_tokens == 5000 - 2048
    assert at_default(Usage(5000, 10), dear, 2048).cache_write_tokens == 0
