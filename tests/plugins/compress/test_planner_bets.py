from dataclasses import replace

import pytest

from tailrace.prices import Price
from tailrace_plugins.compress.planner import (
    MOST_TURNS,
    CacheRules,
    Standing,
    adoption_pays,
    cost_of_prompt,
    expected_turns,
    fold_pays,
)

OPENAI = Price(2.5, 10.0, 0.25)
HALF = Price(2.5, 10.0, 1.25)
ANTHROPIC = Price(3.0, 15.0, 0.3, 3.75)
NO_CACHE = Price(2.5, 10.0)

# 29,952 tokens are 234 blocks. 2,048 stand before the cut, 16,384 go, 384 come; 13,952 are left, 109 blocks.
STANDING = Standing(OPENAI, 29_952, 2_048, 16_384, 384, 20, billed_usd=100.0)


@pytest.mark.parametrize(
    ("tokens", "cached"), [(0, 0), (-5, 0), (1023, 0), (1024, 1024), (1151, 1024), (1152, 1152), (100_000, 99_968)]
)
def test_what_is_read_from_the_cache(tokens, cached):
    assert CacheRules().cached(tokens) == cached


def test_other_rules():
    assert CacheRules(block_tokens=1, least_tokens=2048).cached(2047) == 0
    assert CacheRules(block_tokens=1, least_tokens=2048).cached(2049) == 2049


@pytest.mark.parametrize(
    ("price", "cached", "usd"),
    [
        (OPENAI, 0, 0.025),
        (OPENAI, 10_000, 0.0025),
        (OPENAI, 5_000, 0.01375),
        (OPENAI, 99_999, 0.0025),
        (OPENAI, -1, 0.025),
        (ANTHROPIC, 0, 0.0375),
        (ANTHROPIC, 10_000, 0.003),
        (NO_CACHE, 5_000, 0.025),
    ],
)
def test_what_a_prompt_costs(price, cached, usd):
    assert cost_of_prompt(price, 10_000, cached) == pytest.approx(usd)


def test_as_many_turns_to_come_as_there_were():
    assert [expected_turns(n) for n in (-1, 0, 1, 7, 500)] == [1, 1, 1, 7, MOST_TURNS]


@pytest.mark.parametrize(
    ("price", "turns", "idle_s", "gain", "risk"),
    [
        # Alone a turn is 29,952 x 0.25 = 7,488 millionths. With the summary the first is 2,048 x 0.25 + 11,904 x 2.5 =
        # 30,272 and a later one 13,952 x 0.25 = 3,488: 22,784 more at once, and 4,000 less in each later turn.
        (OPENAI, 1, 0.0, -22_784, 22_784),
        (OPENAI, 6, 0.0, -2_784, 22_784),
        (OPENAI, 7, 0.0, 1_216, 22_784),
        (OPENAI, 20, 0.0, 53_216, 22_784),
        (OPENAI, 400, 0.0, 173_216, 22_784),
        # Half the price: 37,440 alone; 2,560 + 29,760 = 32,320 with it. It gains at once.
        (HALF, 1, 0.0, 5_120, 0),
        # Written at 3.75: 8,985.6 alone; 614.4 + 44,640 = 45,254.4 at once, 4,185.6 later, 4,800 less.
        (ANTHROPIC, 8, 0.0, -2_668.8, 36_268.8),
        (ANTHROPIC, 9, 0.0, 2_131.2, 36_268.8),
        # A cold cache: all is written either way, 16,000 tokens less.
        (OPENAI, 1, 300.0, 40_000, 0),
        (ANTHROPIC, 1, 300.0, 60_000, 0),
        (OPENAI, 1, 299.9, -22_784, 22_784),
        # No price for what is read from a cache.
        (NO_CACHE, 2, 0.0, 80_000, 0),
    ],
)
def test_the_sums_by_hand(price, turns, idle_s, gain, risk):
    verdict = fold_pays(replace(STANDING, price=price, turns=turns, idle_s=idle_s))
    assert verdict.gain_usd * 1e6 == pytest.approx(gain)
    assert verdict.risk_usd * 1e6 == pytest.approx(risk)
    assert verdict.pays is (gain > 0)


@pytest.mark.parametrize(
    ("banked", "billed", "is_used"),
    [
        (0.0, 0.0, False),
        # The risk is $0.022784.
        (0.022_783, 0.0, False),
        (0.022_785, 0.0, True),
        (0.0, 4.556, False),
        (0.0, 4.557, True),
        (0.012_784, 1.9, False),
        (0.012_784, 2.01, True),
        # What was lost before is not won back by betting more.
        (-0.01, 6.556, False),
        (-0.01, 6.557, True),
        (-1.0, 0.0, False),
    ],
)
def test_never_more_is_bet_than_was_won(banked, billed, is_used):
    verdict = fold_pays(replace(STANDING, banked_usd=banked, billed_usd=billed))
    assert verdict.gain_usd > 0 and verdict.pays is is_used
    assert is_used or "if the session ended now" in verdict.words


@pytest.mark.parametrize(
    "free",
    [
        {"idle_s": 301.0},
        {"price": NO_CACHE},
        {"sent_tokens": 1_023, "removed": 900, "summary_tokens": 100, "position": 50},
    ],
)
def test_where_nothing_is_cached_it_is_free(free):
    verdict = fold_pays(replace(STANDING, banked_usd=0.0, billed_usd=0.0, turns=1, **free))
    assert verdict.pays and verdict.risk_usd == 0.0


def test_a_prompt_that_becomes_too_short_to_be_cached():
    # 2,048 x 0.25 = 512 alone; 548 x 2.5 = 1,370 with it, in every turn.
    verdict = fold_pays(Standing(OPENAI, 2_048, 100, 1_600, 100, 10, billed_usd=100.0))
    assert not verdict.pays and verdict.gain_usd * 1e6 == pytest.approx(10 * (512 - 1_370))


def test_making_the_summary_is_paid_once():
    plain, paid = fold_pays(STANDING), fold_pays(replace(STANDING, summary_usd=0.01))
    assert plain.gain_usd - paid.gain_usd == pytest.approx(0.01)
    assert paid.risk_usd - plain.risk_usd == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"price": None}, "price is not known"),
        ({"price": Price(float("nan"), 1.0)}, "no number"),
        ({"billed_usd": float("nan")}, "no number"),
        ({"summary_tokens": 16_384}, "no shorter"),
        ({"removed": -5}, "no shorter"),
        ({"sent_tokens": 0}, "no shorter"),
        ({"turns": 3}, "it would cost $0.014784 more over 3 expected turns (warm cache)"),
        ({"turns": 1}, "over 1 expected turn (warm cache)"),
        ({"price": Price(0.0, 0.0)}, "more over"),
    ],
)
def test_a_refusal_says_why(change, words):
    verdict = fold_pays(replace(STANDING, **change))
    assert not verdict.pays and words in verdict.words


def test_counts_that_are_at_odds_never_make_money():
    # More before the cut than is left, more removed than was sent.
    verdict = fold_pays(replace(STANDING, position=40_000, removed=40_000))
    assert verdict.pays and verdict.risk_usd == 0.0 and verdict.gain_usd <= 20 * 29_952 * 2.5e-6


@pytest.mark.parametrize(
    ("sent", "cut", "pays"),
    [
        # Broken: 10,000 tokens at 2.25 more. Carried: 10 turns of 50 tokens at the input price: below 1,024 nothing
        # is cached, and so it is for a tool by itself.
        (10_000, 9_000, False),
        (10_000, 9_600, True),
        (2_000, 1_000, False),
        (0, 600, True),
    ],
)
def test_a_tool_is_added_where_this_very_request_pays_for_it(sent, cut, pays):
    assert adoption_pays(OPENAI, sent, cut, 50, 10) is pays
    assert not adoption_pays(None, sent, cut, 50, 10)


def test_what_is_likely_to_be_asked_back_is_part_of_the_bet():
    plain, asked = fold_pays(STANDING), fold_pays(replace(STANDING, recall_tokens=5_000))
    assert asked.risk_usd > plain.risk_usd + 5_000 * 2.5e-6 - 1e-9, "it is written once"
    assert asked.gain_usd < plain.gain_usd - 19 * 4_800 * 0.25e-6, "and read in every turn to come"
    assert fold_pays(replace(STANDING, recall_tokens=10**9)).gain_usd < 0
