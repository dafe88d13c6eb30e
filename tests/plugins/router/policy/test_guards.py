import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.abilities import Abilities
from tailrace.wire.conversation import Conversation, Tool, ToolCall, Turn
from tailrace_plugins.router.policy.guards import Needs, is_able, needs_of, pick, why_not
from tailrace_plugins.router.policy.tiers import TIERS, Tier

ALL = Abilities(vision=True, tools=True, json_schema=True, context_tokens=100_000, max_output_tokens=8_000)
BLIND = Abilities(vision=False, tools=True, json_schema=True, context_tokens=100_000)
NOTHING_KNOWN = Abilities()
SEES = Needs(vision=True)
HI = Turn("user", "Hi")


@pytest.mark.parametrize(
    ("conversation", "needs"),
    [
        pytest.param(Conversation((HI,)), Needs(input_tokens=5), id="a text"),
        pytest.param(Conversation((HI,), max_tokens=16), Needs(input_tokens=5, output_tokens=16), id="limited"),
        pytest.param(Conversation((HI,), output="json"), Needs(input_tokens=5), id="json mode needs nothing"),
        pytest.param(Conversation((HI,), output="json_schema"), Needs(json_schema=True, input_tokens=5), id="schema"),
        pytest.param(Conversation((HI,), forced_tool=True), Needs(tools=True, input_tokens=5), id="forced"),
        pytest.param(Conversation((HI,), tools=(Tool("f", "", 0),)), Needs(tools=True, input_tokens=5), id="tools"),
        pytest.param(
            Conversation((HI, Turn("assistant", "", calls=(ToolCall("c", "", ""),)))),
            Needs(tools=True, input_tokens=10),
            id="calls in the history",
        ),
        pytest.param(
            Conversation((Turn("user", "Hi", images=1),)), Needs(vision=True, input_tokens=1845), id="an image"
        ),
    ],
)
def test_needs(conversation, needs):
    assert needs_of(conversation, 1_000) == needs


@pytest.mark.parametrize(
    ("needs", "abilities", "why", "able"),
    [
        (Needs(), ALL, "", True),
        (Needs(), NOTHING_KNOWN, "", True),
        (Needs(input_tokens=5_000), NOTHING_KNOWN, "", False),
        (SEES, ALL, "", True),
        (SEES, BLIND, "vision", False),
        (SEES, NOTHING_KNOWN, "", False),
        (Needs(tools=True), Abilities(tools=False), "tools", False),
        (Needs(tools=True), NOTHING_KNOWN, "", False),
        (Needs(tools=True), Abilities(tools=True), "", True),
        (Needs(json_schema=True), Abilities(json_schema=False), "json-schema", False),
        (Needs(json_schema=True), Abilities(json_schema=True), "", True),
        (Needs(input_tokens=99_000, output_tokens=1_000), ALL, "", True),
        (Needs(input_tokens=99_000, output_tokens=1_001), ALL, "context", False),
        # The limit is lowered to what the model writes.
        (Needs(input_tokens=92_000, output_tokens=10**30), ALL, "", True),
        (Needs(input_tokens=92_001, output_tokens=10**30), ALL, "context", False),
        (Needs(True, True, True, 10**9), Abilities(False, False, False, context_tokens=1), "vision", False),
    ],
)
def test_why_not(needs, abilities, why, able):
    assert why_not(needs, abilities) == why
    assert is_able(needs, abilities) is able


def ladder(**rungs):
    return {Tier(tier): rung for tier, rung in rungs.items()}


@pytest.mark.parametrize(
    ("rungs", "tier", "target", "chosen", "passed", "known"),
    [
        pytest.param(ladder(simple=("a", ALL), expert=("b", ALL)), "simple", "a", "simple", (), True, id="its own"),
        pytest.param(
            ladder(simple=("a", ALL), expert=("b", ALL)), "moderate", "b", "expert", (), True, id="the next up"
        ),
        pytest.param(
            ladder(simple=("a", BLIND), complex=("b", ALL)),
            "simple",
            "b",
            "complex",
            (("a", "vision"),),
            True,
            id="lifted",
        ),
        pytest.param(
            ladder(simple=("a", NOTHING_KNOWN), complex=("b", ALL)),
            "simple",
            "b",
            "complex",
            (("a", "unknown"),),
            True,
            id="known before unknown",
        ),
        pytest.param(
            ladder(simple=("a", BLIND), complex=("b", NOTHING_KNOWN), expert=("c", NOTHING_KNOWN)),
            "simple",
            "b",
            "complex",
            (("a", "vision"),),
            False,
            id="the first unknown",
        ),
        pytest.param(
            ladder(trivial=("a", ALL), simple=("b", NOTHING_KNOWN), complex=("c", NOTHING_KNOWN)),
            "complex",
            "c",
            "complex",
            (),
            False,
            id="unknown above before known below",
        ),
        pytest.param(
            ladder(trivial=("a", ALL), simple=("b", ALL), complex=("c", BLIND), expert=("d", BLIND)),
            "complex",
            "b",
            "simple",
            (("c", "vision"), ("d", "vision")),
            True,
            id="the nearest below",
        ),
        pytest.param(
            ladder(trivial=("a", NOTHING_KNOWN), simple=("b", NOTHING_KNOWN), complex=("c", BLIND)),
            "complex",
            "b",
            "simple",
            (("c", "vision"),),
            False,
            id="the nearest unknown below",
        ),
        pytest.param(
            ladder(trivial=("a", BLIND), expert=("b", BLIND)),
            "simple",
            None,
            "simple",
            (("b", "vision"), ("a", "vision")),
            True,
            id="none",
        ),
        pytest.param(ladder(), "simple", None, "simple", (), True, id="no tiers"),
        pytest.param(
            ladder(trivial=("a", BLIND), simple=("a", BLIND), expert=("b", ALL)),
            "trivial",
            "b",
            "expert",
            (("a", "vision"),),
            True,
            id="told once a model",
        ),
    ],
)
def test_pick(rungs, tier, target, chosen, passed, known):
    choice = pick(Tier(tier), rungs, SEES)
    assert (choice.target, choice.tier, choice.passed, choice.is_known) == (target, chosen, passed, known)


def test_a_choice_is_told_in_words():
    assert pick(Tier.SIMPLE, ladder(simple=("a", ALL)), SEES).words == ""
    lifted = pick(Tier.SIMPLE, ladder(simple=("a", BLIND), expert=("b", NOTHING_KNOWN)), SEES)
    assert lifted.words == "passed over a (reads no images); b may be able, nothing is known against it"
    assert pick(Tier.SIMPLE, ladder(simple=("b", NOTHING_KNOWN)), SEES).words == (
        "b may be able, nothing is known against it"
    )
    none = pick(Tier.SIMPLE, ladder(simple=("a", BLIND)), SEES)
    assert none.words == "no tier's model can serve it: a (reads no images)"
    assert pick(Tier.SIMPLE, {}, SEES).words == "no tier has a model"


some = st.builds(
    Abilities,
    vision=st.none() | st.booleans(),
    tools=st.none() | st.booleans(),
    json_schema=st.none() | st.booleans(),
    context_tokens=st.none() | st.integers(1, 20_000),
    max_output_tokens=st.none() | st.integers(1, 20_000),
)
demands = st.builds(Needs, st.booleans(), st.booleans(), st.booleans(), st.integers(0, 20_000), st.integers(0, 20_000))


@given(
    st.dictionaries(st.sampled_from(TIERS), st.tuples(st.sampled_from("abc"), some)), st.sampled_from(TIERS), demands
)
def test_a_model_that_cannot_is_never_picked(rungs, tier, needs):
    choice = pick(tier, rungs, needs)
    if choice.target is None:
        assert all(why_not(needs, abilities) for _, abilities in rungs.values())
        return
    target, abilities = rungs[choice.tier]
    assert target == choice.target
    assert not why_not(needs, abilities)
    assert choice.is_known is is_able(needs, abilities)
    if any(not why_not(needs, known) for rung, (_, known) in rungs.items() if rung >= tier):
        assert choice.tier >= tier
