import pytest
from compress_kit import PRICE

from tailrace.exchange import DroppedBill, Outcome
from tailrace.prices import Price
from tailrace.wire.usage import Usage
from tailrace_plugins.compress.chain import Edit, Links
from tailrace_plugins.compress.planner import cost_of_prompt
from tailrace_plugins.compress.report import Beside, Report, Saved, inserted_tokens, saved

CHAIN = Links(1, b"", tuple(bytes([n]) for n in range(8)), (1_000,) * 8)
BODY = 10_000
NEW = Report({8: (Edit((0,), "y", 500, 300, ("minify",)),)}, 7)
"""200 tokens less, in a message that is new."""


def ended(tokens=10_000, cached=0, **more):
    return Outcome("complete", 200, 1.0, usage=Usage(tokens, 100, cached, **more))


def net(beside, outcome=None, report=None, price=PRICE):
    return saved(report or Report(), CHAIN, BODY, outcome or ended(), price, beside)


@pytest.mark.parametrize(("cached", "rate"), [(0, 2.5), (8_960, 0.25)])
@pytest.mark.parametrize("tools", [900, -70])
def test_definitions_stand_first_and_are_read_wherever_anything_is(cached, rate, tools):
    told = net(Beside(tools=tools), ended(cached=cached))
    assert told.tokens == tools and told.usd == pytest.approx(tools * rate / 1e6)


@pytest.mark.parametrize(("cached", "rate"), [(0, 2.5), (8_960, 0.25)])
def test_a_summary_that_was_sent_before_saves_at_the_cached_price(cached, rate):
    told = net(Beside(fold=4_000), ended(cached=cached))
    assert told.tokens == 4_000 and told.usd == pytest.approx(4_000 * rate / 1e6)


def test_a_new_summary_breaks_the_prefix_and_that_is_told():
    """14,000 tokens would have come, 12,800 of them from the cache; 10,000 came, 1,024 of them from it."""
    told = net(Beside(fold=4_000, before=12_800), ended(cached=1_024))
    alone = (12_800 * 0.25 + 1_200 * 2.5) / 1e6
    came = (1_024 * 0.25 + 8_976 * 2.5) / 1e6
    assert told.tokens == 4_000 and told.usd == pytest.approx(alone - came) and told.usd < 0


def test_a_new_summary_on_a_cold_cache_gains_at_once():
    assert net(Beside(fold=4_000, before=0)).usd == pytest.approx(4_000 * 2.5 / 1e6)


def test_a_new_summary_at_prices_for_writing():
    price = Price(3.0, 15.0, 0.3, 3.75)
    told = net(Beside(fold=4_000, before=12_800), ended(cached=1_024), price=price)
    assert told.usd == pytest.approx(cost_of_prompt(price, 14_000, 12_800) - cost_of_prompt(price, 10_000, 1_024))


def test_a_prefix_that_was_broken_for_nothing_is_a_loss():
    """A tool that is added in the middle: all is billed as new that would have been read."""
    assert net(Beside(before=9_984)).usd == pytest.approx(-9_984 * 2.25 / 1e6)


@pytest.mark.parametrize(("cached", "rate"), [(0, 2.5), (8_960, 0.25)])
def test_what_was_brought_back_earlier_is_carried_on(cached, rate):
    told = net(Beside(carried=1_000), ended(cached=cached))
    assert told.tokens == -1_000 and told.usd == pytest.approx(-1_000 * rate / 1e6)


def test_what_is_brought_back_now_is_new():
    told = net(Beside(inserted=1_000), ended(cached=8_960))
    assert told.tokens == -1_000 and told.usd == pytest.approx(-1_000 * 2.5 / 1e6)


@pytest.mark.parametrize(("first", "tokens"), [((8_000,), 2_000), ((8_000, 9_000), 2_000), ((), 0), ((12_000,), 0)])
def test_a_prompt_grows_by_what_is_brought_back(first, tokens):
    rounds = [DroppedBill("p", "m", Usage(count, 5), 0.1) for count in first]
    assert inserted_tokens(rounds, ended()) == tokens
    assert inserted_tokens(rounds, Outcome("complete", 200, 1.0)) == 0


def test_rounds_are_paid_from_it():
    told = net(Beside(spent_usd=0.001), report=NEW)
    assert told == Saved(200, pytest.approx(200 * 2.5 / 1e6 - 0.001))
    assert told.usd < 0, "negative where they cost more"


def test_a_round_whose_price_is_not_known_leaves_no_dollars():
    told = net(Beside(spent_usd=None, tools=100), report=NEW)
    assert (told.tokens, told.usd) == (300, None)


def test_all_together():
    told = net(Beside(tools=-70, fold=4_000, spent_usd=0.002), ended(cached=8_960), NEW)
    assert told.tokens == 200 - 70 + 4_000
    assert told.usd == pytest.approx((200 * 2.5 + (4_000 - 70) * 0.25) / 1e6 - 0.002)


@pytest.mark.parametrize("outcome", [Outcome("failed", 200, 1.0), Outcome("complete", 500, 1.0, usage=Usage(1_000, 0))])
def test_nothing_is_saved_where_nothing_was_answered(outcome):
    assert net(Beside(tools=100, fold=100, before=100, spent_usd=1.0), outcome) is None


@pytest.mark.parametrize("outcome", [ended(estimated=True), Outcome("complete", 200, 1.0)])
def test_without_a_bill_there_are_tokens_and_no_dollars(outcome):
    told = net(Beside(100, 50), outcome, NEW)
    assert (told.tokens, told.usd) == (350, None)


def test_nothing_beside_changes_nothing():
    assert net(Beside(), report=NEW) == saved(NEW, CHAIN, BODY, ended(), PRICE)
