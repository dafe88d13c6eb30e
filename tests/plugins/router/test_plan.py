from dataclasses import replace

import pytest
from router_kit import PRICES, TIERS, Book, ToldJudge, asking

from tailrace.abilities import Abilities
from tailrace.prices import Price
from tailrace.testing import exchange
from tailrace.wire.conversation import read_conversation
from tailrace.wire.endpoints import CHAT, MODELS
from tailrace_plugins.router.ladder import Ladder, build
from tailrace_plugins.router.plan import Planner, is_unread, read
from tailrace_plugins.router.policy.tiers import Tier
from tailrace_plugins.router.settings import RouterSettings
from tailrace_plugins.router.speeds import Speeds


def planner(**settings):
    return Planner(RouterSettings.model_validate({"tiers": TIERS, **settings}), Speeds())


def ladder(book=None):
    return build(RouterSettings.model_validate({"tiers": TIERS}), book or Book(), CHAT)


def names(found):
    return [rung.facts.name for rung in found.rungs.values()]


@pytest.mark.parametrize(
    ("model", "settings", "book", "default"),
    [
        ("auto", {}, Book(), "large"),
        ("auto", {"default": "huge"}, Book(), "huge"),
        ("small", {"default": "huge"}, Book(), "small"),
        ("unheard-of", {"default": "huge"}, Book(names=(), routed={}), "unheard-of"),
        ("auto", {}, Book(names=(), routed={}), "large"),
        ("middle", {}, Book(), "middle"),
        ("own", {}, Book(names=("own", *PRICES), routed={"own": "own"}), "own"),
    ],
)
def test_the_default(model, settings, book, default):
    found = planner(**settings).default(exchange(asking(model=model)), ladder(book), book)
    assert found.name == default


def test_models_that_are_away_are_left_out_while_others_are_there():
    default = Book().find("large", CHAT)
    made = planner()
    assert names(made.ladder_for(ladder(), default, away={"small"})) == ["middle", "large", "huge"]
    assert len(names(made.ladder_for(ladder(), default, away=set(PRICES)))) == 5, "all away: none is"


def test_who_asked_for_a_model_gets_it_or_a_cheaper_one():
    made = planner()
    for asked, expected in {
        "large": ["small", "small", "middle", "large", "large"],
        "small": ["small"] * 5,
        "huge": ["small", "small", "middle", "large", "huge"],
    }.items():
        assert names(made.ladder_for(ladder(), Book().find(asked, CHAT), is_asked_for=True)) == expected
    other = replace(Book().find("large", CHAT), name="other")
    found = names(made.ladder_for(ladder(), other, is_asked_for=True))
    assert found == ["small", "small", "middle", "other", "other"], "also one that no tier names"
    dear = replace(other, price=Price(50.0, 90.0))
    found = names(made.ladder_for(ladder(), dear, is_asked_for=True))
    assert found == ["small", "small", "middle", "large", "other"], "what is hardest goes to it, however dear"
    unknown = replace(other, price=None)
    assert set(names(made.ladder_for(ladder(), unknown, is_asked_for=True))) == {"other"}, (
        "nothing is known to be cheaper"
    )


def test_speed_needs_to_know_the_own_speed():
    rates = {"middle": 90.0, "large": 40.0}
    book = Book(abilities={name: Abilities(tokens_per_s=rate) for name, rate in rates.items()})
    default = book.find("large", CHAT)
    assert names(planner(prefer="speed").ladder_for(ladder(book), default))[0] == "small"
    quick = Book(abilities={"small": Abilities(tokens_per_s=10.0), "middle": Abilities(tokens_per_s=90.0)})
    assert names(planner(prefer="speed").ladder_for(ladder(quick), default))[0] == "middle"


def test_a_session_that_is_held_at_a_quick_model_stays_there():
    rates = {"small": 50.0, "middle": 51.0}
    book = Book(abilities={name: Abilities(tokens_per_s=rate) for name, rate in rates.items()})
    default = book.find("large", CHAT)
    for held in ("small", "middle"):
        assert names(planner(prefer="speed").ladder_for(ladder(book), default, held=held))[0] == held
    assert names(planner(prefer="speed").ladder_for(ladder(book), default, held="huge"))[0] == "middle"


def test_what_a_provider_keeps_stays_with_it():
    found = ladder()
    other = {
        tier: replace(rung, facts=replace(rung.facts, provider="q"))
        for tier, rung in found.rungs.items()
        if tier > Tier.SIMPLE
    }
    mixed = Ladder({**found.rungs, **other})
    default = Book().find("large", CHAT)
    assert names(planner().ladder_for(mixed, default, at_provider="sim")) == ["small", "small"]


@pytest.mark.parametrize(
    ("shape", "payload", "unread"),
    [
        ("chat", asking("hello"), False),
        ("chat", asking(""), True),
        ("chat", asking([{"type": "image_url", "image_url": {"url": "http://h"}}]), True),
        ("chat", {"messages": [{"role": "system", "content": "Be brief."}]}, True),
        ("responses", {"input": "hi"}, False),
        ("responses", {"input": "hi", "conversation": "conv_1"}, True),
        ("responses", {"input": "hi", "previous_response_id": "resp_1"}, True),
        ("responses", {"prompt": {"id": "pmpt_1"}, "input": "hi"}, True),
        ("responses", {"input": [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "ok"}]}, True),
        ("completions", {"prompt": "hi"}, False),
        ("completions", {"prompt": [1, 2, 3]}, True),
        ("chat", {}, True),
    ],
)
def test_what_cannot_be_read_cannot_be_judged(shape, payload, unread):
    assert is_unread(payload, read_conversation(shape, payload)) is unread


def test_a_plan_says_why_without_a_word_of_the_request():
    asked = exchange(asking("a secret question"))
    judged = ToldJudge("moderate").judge(None)
    default = Book().find("large", CHAT)
    plan = planner().plan(asked, read(asked), judged, ladder(), default, ("s", None), 0.0)
    assert (plan.rung.facts.name, plan.cheap[0], plan.cheap[1].facts.name) == ("middle", Tier.TRIVIAL, "small")
    assert plan.why == "moderate: as told; the session is new" and "secret" not in plan.why
    assert plan.saving.usd > 0 and plan.saving.seconds is None
    assert plan.decision.state.prefix_tokens > 0


def test_what_has_no_conversation_is_an_empty_one():
    assert read(exchange({}, endpoint=MODELS)).turns == ()
