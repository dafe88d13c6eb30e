import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.prices import Price
from tailrace_plugins.router.policy.guards import Choice
from tailrace_plugins.router.policy.session import Economy, Rules, SessionState, Visit, decide
from tailrace_plugins.router.policy.tiers import TIERS

T, S, M, C, E = TIERS
MODELS = {T: "mini", S: "mini", M: "mid", C: "big", E: "huge"}
PRICES = {
    "mini": Price(0.15, 0.6, cache_read=0.075),
    "mid": Price(1.0, 4.0, cache_read=0.5),
    "big": Price(2.5, 10.0, cache_read=1.25),
    "huge": Price(15.0, 60.0, cache_read=7.5),
}

EVEN = {"mid": Price(2.0, 4.0, cache_read=0.2), "big": Price(2.5, 10.0, cache_read=0.25)}
"""Nearly as dear as one another: only a warm cache makes moving worth it."""


def can(tier):
    return Choice(tier, MODELS[tier])


def cannot(*models):
    """The guards where some models cannot serve: up first, then down."""

    def found(tier):
        rungs = [rung for rung in TIERS if rung >= tier] + [rung for rung in reversed(TIERS) if rung < tier]
        for rung in rungs:
            if MODELS[rung] not in models:
                return Choice(rung, MODELS[rung], (("it", "vision"),) if rung is not tier else ())
        return Choice(tier, None, (("it", "vision"),))

    return found


def economy(input_tokens=20_000, price_of=PRICES.get):
    return Economy(input_tokens, 200, price_of)


def at(tier, **more):
    """A session that stands there, with a warm cache, and whose turns come slowly."""
    given = {"turns": 5, "last_at": 990.0, "prefix_tokens": 19_000, "pace_s": 300.0, **more}
    return SessionState(tier, given.pop("model", MODELS[tier]), **given)


def decided(state, wanted, signs=(), **more):
    given = {"can": can, "economy": economy(), "now": 1_000.0, "rules": Rules(), "forced": None, "mark": 7, **more}
    return decide(
        state, wanted, signs, given.pop("can"), given.pop("economy"), given.pop("now"), given.pop("rules"), **given
    )


@pytest.mark.parametrize(
    ("state", "wanted", "signs", "tier", "model", "reason"),
    [
        pytest.param(None, S, (), S, "mini", "first-turn", id="a new session"),
        pytest.param(None, S, ("refusal",), S, "mini", "first-turn", id="signs before it began are another's"),
        pytest.param(at(M), M, (), M, "mid", "held", id="the same tier"),
        pytest.param(at(M), C, (), C, "big", "harder", id="harder"),
        pytest.param(at(T), S, (), S, "mini", "held", id="harder, but the same model"),
        pytest.param(at(S), T, (), T, "mini", "held", id="easier, but the same model"),
        pytest.param(at(C), M, (), C, "big", "held", id="easier, and no run of them"),
        pytest.param(at(C, easier_for=2), M, (), M, "mid", "cheaper-after-rewrite", id="easier for a while"),
        pytest.param(at(C, last_at=600.0), T, (), T, "mini", "cheaper-after-rewrite", id="easier, and a cold cache"),
        pytest.param(at(T), T, ("tool-errors",), M, "mid", "failing", id="signs: past tiers with the same model"),
        pytest.param(at(M), T, ("tool-errors",), C, "big", "failing", id="signs outweigh an easier request"),
        pytest.param(at(M), E, ("tool-errors",), E, "huge", "failing", id="signs and a harder request"),
        pytest.param(at(E), T, ("tool-errors",), E, "huge", "held", id="no way up"),
        pytest.param(at(C, floor=C, easier_for=40), T, (), C, "big", "held", id="never below the floor"),
        pytest.param(at(E, floor=C, easier_for=40), T, (), C, "big", "cheaper-after-rewrite", id="down to the floor"),
        pytest.param(at(M, floor=C), T, (), C, "big", "harder", id="back up to the floor"),
    ],
)
def test_decide(state, wanted, signs, tier, model, reason):
    decision = decided(state, wanted, signs)
    assert (decision.tier, decision.model, decision.reason) == (tier, model, reason)
    assert decision.escalated is (reason == "failing")
    assert decision.words
    kept = decision.state
    assert (kept.tier, kept.model, kept.last_at, kept.prefix_tokens) == (tier, model, 1_000.0, 20_200)
    assert kept.turns == (1 if state is None else state.turns + 1)
    assert kept.answered == (7 if signs else None)


def test_an_escalation_is_a_floor_and_remembers_the_evidence():
    lifted = decided(at(M), M, ("repeated-calls",))
    assert (lifted.state.floor, lifted.state.answered) == (C, 7)
    assert lifted.words == "signs of failure (repeated-calls): big instead of mid"
    later = decided(lifted.state, M, mark=8)
    assert (later.reason, later.state.floor, later.state.answered) == ("held", C, 7)
    again = decided(later.state, M, ("repeated-calls",), mark=9)
    assert (again.model, again.state.floor, again.state.answered) == ("huge", E, 9)


@pytest.mark.parametrize(
    ("state", "forced", "floor"),
    [(None, C, None), (at(T), E, None), (at(E, floor=C), T, None), (at(C, floor=C), E, C), (at(C, floor=C), C, C)],
)
def test_a_forced_tier_wins_and_becomes_the_sessions(state, forced, floor):
    decision = decided(state, M, ("refusal",), forced=forced)
    assert (decision.tier, decision.model, decision.reason) == (forced, MODELS[forced], "forced")
    assert (decision.state.tier, decision.state.floor) == (forced, floor)
    assert not decision.escalated


@pytest.mark.parametrize(
    ("state", "wanted", "out", "forced", "tier", "model", "reason"),
    [
        pytest.param(None, T, ["mini"], None, M, "mid", "ability", id="a new session is lifted"),
        pytest.param(at(T), T, ["mini"], None, M, "mid", "ability", id="a session is lifted"),
        pytest.param(at(T), M, ["mini", "mid"], None, C, "big", "ability", id="lifted further"),
        pytest.param(at(C), T, ["mini", "mid"], None, C, "big", "held", id="it stands where it must"),
        pytest.param(None, T, ["mini"], T, M, "mid", "ability", id="a forced tier that cannot"),
        pytest.param(None, E, ["huge"], None, C, "big", "ability", id="down, if nothing above can"),
        pytest.param(at(T), T, ["mid"], None, T, "mini", "held", id="others do not matter"),
    ],
)
def test_guards_have_the_last_word(state, wanted, out, forced, tier, model, reason):
    decision = decided(state, wanted, can=cannot(*out), forced=forced)
    assert (decision.tier, decision.model, decision.reason) == (tier, model, reason)
    assert decision.state.tier is tier
    if reason == "ability":
        assert "passed over it (reads no images)" in decision.words


def test_an_escalation_passes_over_what_cannot():
    assert decided(at(T), T, ("refusal",), can=cannot("mid")).model == "big"


def test_where_no_model_can_the_request_stays_with_its_default():
    state = at(M)
    decision = decided(state, C, can=cannot("mini", "mid", "big", "huge"))
    assert (decision.model, decision.reason, decision.escalated) == (None, "no-target", False)
    # Its model's cache was not used.
    assert decision.state == at(M, turns=6)
    assert decided(None, C, can=cannot("mini", "mid", "big", "huge")).state is None


def test_without_stickiness_each_request_is_by_itself():
    decision = decided(at(E, floor=E), T, ("refusal",), rules=Rules(sticky=False))
    assert (decision.model, decision.reason) == ("mini", "by-itself")


def test_unknown_prices_hold_a_session():
    held = decided(at(C, easier_for=40), T, economy=economy(price_of=lambda model: None))
    assert (held.reason, held.state.easier_for) == ("held", 41)
    assert "a price is not known" in held.words


def test_the_run_of_easy_requests_is_broken_by_one_that_is_not():
    easy = decided(at(C), M)
    assert easy.state.easier_for == 1
    assert decided(easy.state, C).state.easier_for == 0


def alternating(gap_s):
    state, models = None, []
    for turn in range(20):
        decision = decided(state, C if turn % 2 else M, now=1_000.0 + gap_s * turn)
        models.append(decision.model)
        state = decision.state
    return models


def test_a_slow_session_that_alternates_stays_where_it_is():
    """At each return the strong model would have forgotten it."""
    assert alternating(gap_s=200.0) == ["mid"] + ["big"] * 19


def test_a_quick_session_that_alternates_goes_to_and_fro():
    """Both models remember it, so that going costs nothing and the easy turns are cheaper."""
    assert alternating(gap_s=5.0) == ["mid", "big"] * 10


def test_models_that_were_left_are_remembered_with_what_they_hold():
    first = decided(None, C).state
    state = decided(first, T, now=1_010.0).state
    assert (state.model, state.pace_s) == ("mini", 10.0)
    assert state.visits == (Visit("big", first.prefix_tokens, 1_000.0),)
    back = decided(state, C, now=1_020.0, economy=economy(22_000)).state
    assert (back.model, back.visits) == ("big", (Visit("mini", state.prefix_tokens, 1_010.0),))


def test_a_visit_that_is_too_long_ago_does_not_count():
    def leaving(last_at):
        state = at(C, pace_s=1.0, visits=(Visit("mid", 19_000, last_at),))
        return decided(state, M, economy=economy(20_000, EVEN.get)).model

    assert leaving(last_at=980.0) == "mid", "it has only the newest part to write"
    assert leaving(last_at=690.0) == "big"


def test_a_session_that_has_become_easy_comes_down():
    state, models = decided(None, C).state, []
    for turn in range(10):
        decision = decided(state, T, now=1_200.0 + 200.0 * turn, economy=economy(20_000 + 1_000 * turn))
        models.append(decision.model)
        state = decision.state
    assert models[0] == "big"
    assert models[-1] == "mini"
    assert sorted(models) == models  # "big" sorts before "mini": it moved once


@given(
    st.lists(
        st.tuples(
            st.sampled_from(TIERS),
            st.booleans(),
            st.none() | st.sampled_from(TIERS),
            st.sets(st.sampled_from(["mini", "mid", "big", "huge"])),
            st.floats(0, 1_000),
        ),
        max_size=20,
    )
)
def test_any_session(steps):
    state, now = None, 0.0
    for wanted, fails, forced, out, wait in steps:
        now += wait
        guards = cannot(*out)
        decision = decided(state, wanted, ("refusal",) if fails else (), can=guards, now=now, forced=forced)
        if len(out) == 4:
            assert decision.model is None
            continue
        assert decision.model not in out
        assert decision.state.model == decision.model == MODELS[decision.tier]
        floor = decision.state.floor
        if floor is not None and forced is None:
            assert decision.tier >= floor or guards(floor).tier < floor
        if state is not None and forced is None and decision.tier < state.tier:
            assert decision.reason in ("cheaper-after-rewrite", "ability", "held")
        state = decision.state
