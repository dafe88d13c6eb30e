import pytest

from tailrace.prices import Price
from tailrace_plugins.compress.planner import (
    MOST_TURNS,
    CacheRules,
    Proposal,
    Session,
    cost_of_prompt,
    editing_pays,
    expected_turns,
    judge,
    stays_cacheable,
)

OPENAI = Price(2.5, 10.0, 0.25)
ANTHROPIC = Price(3.0, 15.0, 0.3, 3.75)
NO_CACHE = Price(2.5, 10.0)


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
    ("before", "after", "refused"),
    [(100, 50, None), (100, 92, None), (100, 93, "too-small"), (100, 100, "no-gain"), (100, 130, "no-gain")],
)
@pytest.mark.parametrize("lossless", [True, False])
def test_what_is_new_is_judged_by_its_tokens(before, after, refused, lossless):
    assert judge(Proposal(50_000, before, after, lossless), 8) == refused


def sent(position, before, after, lossless=True):
    return Proposal(position, before, after, lossless, was_sent=True)


@pytest.mark.parametrize(
    ("price", "position", "before", "after", "turns", "idle_s", "pays"),
    [
        # 30,000 tokens were sent. What stands in front of an early edit is all that is still read from the cache.
        (OPENAI, 2_000, 1_000, 500, 5, 0.0, False),
        (OPENAI, 2_000, 1_000, 500, 50, 0.0, False),
        (ANTHROPIC, 2_000, 10_000, 1_000, 5, 0.0, False),
        # Near the end little is broken: 1,000 tokens written for 4,000 saved.
        (OPENAI, 25_000, 5_000, 1_000, 1, 0.0, False),
        (OPENAI, 25_000, 5_000, 100, 3, 0.0, True),
        (OPENAI, 25_000, 5_000, 1_000, 10, 0.0, True),
        (ANTHROPIC, 25_000, 5_000, 1_000, 2, 0.0, False),
        (ANTHROPIC, 25_000, 5_000, 1_000, 10, 0.0, True),
        # Most of the history at once pays over many turns.
        (OPENAI, 2_000, 25_000, 1_000, 20, 0.0, True),
        # A cache that is cold has nothing to break.
        (OPENAI, 2_000, 1_000, 500, 1, 301.0, True),
        (ANTHROPIC, 2_000, 100, 90, 1, 301.0, True),
        # Where reading the cache is not cheaper, there is nothing to lose either.
        (NO_CACHE, 2_000, 1_000, 500, 1, 0.0, True),
        (None, 2_000, 20_000, 10, 50, 301.0, False),
        (Price(float("nan"), 1.0), 2_000, 1_000, 500, 5, 0.0, False),
        (Price(0.0, 0.0), 2_000, 1_000, 500, 5, 0.0, False),
    ],
)
def test_when_breaking_a_prefix_pays(price, position, before, after, turns, idle_s, pays):
    session = Session(price, 30_000, turns, idle_s)
    proposal = sent(position, before, after)
    verdict = editing_pays(proposal, session)
    assert verdict.pays is pays and (verdict.saves_usd > 0) is pays
    assert judge(proposal, 8, session) == (None if pays else "was-sent")


def test_the_sum_by_hand():
    verdict = editing_pays(sent(24_960, 5_000, 1_000), Session(OPENAI, 29_952, 2))
    alone = 2 * 29_952 * 0.25
    edited = (24_960 * 0.25 + 992 * 2.5) + (25_856 * 0.25 + 96 * 2.5)
    assert verdict.saves_usd == pytest.approx((alone - edited) / 1e6)
    assert verdict.words.endswith("over 2 turns (warm cache)")


def test_a_loss_is_never_taken_behind_the_models_back():
    cold = Session(OPENAI, 30_000, 10, 301.0)
    assert judge(sent(2_000, 1_000, 10), 8, cold) is None
    assert judge(sent(2_000, 1_000, 10, lossless=False), 8, cold) == "was-sent"
    assert judge(sent(2_000, 1_000, 10), 8) == "was-sent", "nothing is known of the session"


def test_small_prompts_are_never_cached():
    verdict = editing_pays(sent(0, 500, 400), Session(OPENAI, 1_000, 1))
    assert verdict.pays and verdict.saves_usd == pytest.approx(100 * 2.5 / 1e6)


@pytest.mark.parametrize(
    ("body_bytes", "saved", "least", "stays"),
    [
        (5_120, 0, 1_024, True),
        (5_119, 0, 1_024, False),
        (6_120, 200, 1_024, True),
        (6_120, 201, 1_024, False),
        (0, 0, 0, True),
    ],
)
def test_a_prompt_stays_long_enough_to_be_cached(body_bytes, saved, least, stays):
    assert stays_cacheable(body_bytes, saved, least) is stays
