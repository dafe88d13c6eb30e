import pytest
from compress_kit import PRICE

from tailrace.exchange import Outcome
from tailrace.prices import Price
from tailrace.wire.usage import Usage
from tailrace_plugins.compress.chain import Edit, Links
from tailrace_plugins.compress.report import Report, counted, facts, saved

EARLY = Edit((0,), "x", 1_000, 400, ("tabular",))
LATE = Edit((0,), "y", 500, 300, ("minify", "tabular"))
CHAIN = Links(1, b"", tuple(bytes([n]) for n in range(8)), (1_000,) * 8)
"""Messages 1 to 8, behind 2,000 bytes of other things."""
BODY = 10_000
REPORT = Report({2: (EARLY,), 8: (LATE,)}, 7, 3, ("too-small", "no-gain", "too-small"))


def ended(cached=0, state="complete", status=200, tokens=10_000, **more):
    usage = Usage(tokens, 100, cached, **more)
    return Outcome(state, status, 1.0, usage=usage)


def test_facts():
    assert facts(REPORT) == {
        "tokens_before": 1_500,
        "tokens_after": 700,
        "saved_tokens": 800,
        "new_pieces": 3,
        "edited_pieces": 2,
        "passes": "tabular:2,minify:1",
        "refused": "too-small:2,no-gain:1",
    }
    assert facts(Report()) == {
        "tokens_before": 0, "tokens_after": 0, "saved_tokens": 0, "new_pieces": 0, "edited_pieces": 0,
    }  # fmt: skip


def test_words_are_counted_most_frequent_first():
    assert counted([]) == "" and counted(["b", "a", "c", "c"]) == "c:2,a:1,b:1"


@pytest.mark.parametrize(
    ("cached", "early_rate", "why"),
    [
        (0, 2.5, "a cold cache reads nothing"),
        (2_944, 2.5, "it begins behind the cached part"),
        (3_072, 0.25, "it begins in it"),
        (9_984, 0.25, "what was sent now cannot have been read"),
    ],
)
def test_what_was_read_from_the_cache_is_worth_the_cached_price(cached, early_rate, why):
    told = saved(REPORT, CHAIN, BODY, ended(cached), PRICE)
    assert told.tokens == 800
    assert told.usd == pytest.approx((600 * early_rate + 200 * 2.5) / 1e6), why


def test_a_request_whose_size_is_not_known_counts_the_earlier_place():
    told = saved(REPORT, CHAIN, 0, ended(1_408), PRICE)
    assert told.usd == pytest.approx((600 * 0.25 + 200 * 2.5) / 1e6)


def test_prices():
    all_new = Report({2: (EARLY,)}, 1)
    assert saved(all_new, CHAIN, BODY, ended(9_984), PRICE).usd == pytest.approx(600 * 2.5 / 1e6)
    no_discount = saved(REPORT, CHAIN, BODY, ended(9_984), Price(2.5, 10.0))
    assert no_discount.usd == pytest.approx(800 * 2.5 / 1e6)
    assert saved(REPORT, CHAIN, BODY, ended(), None).usd is None
    assert saved(REPORT, CHAIN, BODY, ended(estimated=True), PRICE).usd is None
    assert saved(REPORT, CHAIN, BODY, Outcome("complete", 200, 1.0), PRICE).usd is None


@pytest.mark.parametrize("outcome", [ended(status=400), ended(status=0), ended(state="failed")])
def test_nothing_is_saved_where_nothing_was_answered(outcome):
    assert saved(REPORT, CHAIN, BODY, outcome, PRICE) is None


def test_what_cost_more_is_told():
    grew = Report({2: (Edit((0,), "x", 10, 20, ()),)}, 1)
    told = saved(grew, CHAIN, BODY, ended(), PRICE)
    assert told.tokens == -10 and told.usd < 0
