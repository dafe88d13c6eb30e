import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.defaults.decide import Changes, Refused, decide, find
from tailrace_plugins.defaults.settings import Rule


def applied(payload, changes):
    out = {**payload, **changes.set}
    for name in changes.remove:
        out.pop(name, None)
    return out


A, B, C = Rule(models=["gpt-4o*"], tenants=["team-?"]), Rule(models=["gpt-*", "o[13]"]), Rule()


@pytest.mark.parametrize(
    ("model", "tenant", "rule"),
    [
        ("gpt-4o-mini", "team-a", A),
        ("gpt-4o", "team-long", B),
        ("o3", "x", B),
        ("o2", "x", C),
        ("GPT-4o", "team-a", C),
        ("", "", C),
    ],
)
def test_the_first_rule_that_fits(model, tenant, rule):
    assert find([A, B, C], model, tenant) is rule
    assert find([A], "x", "y") is None


CAP = {"max_tokens_cap": 100}


@pytest.mark.parametrize(
    ("shape", "rule", "payload", "changed", "reasons"),
    [
        ("chat", CAP, {"max_tokens": 500}, {"max_tokens": 100}, ["capped"]),
        ("chat", CAP, {"max_completion_tokens": 500}, {"max_completion_tokens": 100}, ["capped"]),
        (
            "chat",
            CAP,
            {"max_completion_tokens": 101, "max_tokens": 500},
            {"max_completion_tokens": 100, "max_tokens": 100},
            ["capped"],
        ),
        ("chat", CAP, {"max_tokens": 100}, {}, []),
        ("chat", CAP, {"max_tokens": 0}, {}, []),
        ("chat", CAP, {"max_tokens": None}, {}, []),
        ("chat", CAP, {}, {}, []),
        ("chat", CAP, {"max_output_tokens": 500}, {}, []),
        ("completions", CAP, {"max_tokens": 500}, {"max_tokens": 100}, ["capped"]),
        ("responses", CAP, {"max_output_tokens": 500}, {"max_output_tokens": 100}, ["capped"]),
        ("messages", CAP, {"max_tokens": 500}, {"max_tokens": 100}, ["capped"]),
        ("chat", {"max_tokens_default": 7}, {}, {"max_completion_tokens": 7}, ["defaulted"]),
        ("chat", {"max_tokens_default": 7}, {"max_tokens": None}, {"max_completion_tokens": 7}, ["defaulted"]),
        ("chat", {"max_tokens_default": 7}, {"max_tokens": 9}, {}, []),
        (
            "chat",
            {"max_tokens_default": 7, "chat_max_tokens_name": "max_tokens"},
            {},
            {"max_tokens": 7},
            ["defaulted"],
        ),
        ("responses", {"max_tokens_default": 7}, {}, {"max_output_tokens": 7}, ["defaulted"]),
        ("messages", {"max_tokens_default": 7}, {}, {"max_tokens": 7}, ["defaulted"]),
        ("chat", {"temperature": 0.2}, {}, {"temperature": 0.2}, ["defaulted"]),
        ("chat", {"temperature": 0.2}, {"temperature": None}, {"temperature": 0.2}, ["defaulted"]),
        ("chat", {"temperature": 0.2}, {"temperature": 0}, {}, []),
        ("chat", {"temperature": 0.2}, {"temperature": "hot"}, {}, []),
        ("chat", {"default": {"user": "x"}}, {"user": "y"}, {}, []),
        ("chat", {"default": {"user": "x"}}, {}, {"user": "x"}, ["defaulted"]),
        ("chat", {"force": {"user": "x"}}, {"user": "y"}, {"user": "x"}, ["forced"]),
        ("chat", {"force": {"user": "x"}}, {"user": "x"}, {}, []),
        ("chat", {"force": {"seed": 1}}, {"seed": True}, {"seed": 1}, ["forced"]),
        ("chat", {"force": {"user": None}}, {}, {"user": None}, ["forced"]),
        ("chat", {**CAP, "force": {"max_tokens": 500}}, {"max_tokens": 3}, {"max_tokens": 100}, ["forced", "capped"]),
        ("chat", {"history_messages": 1}, {"messages": [{}, {"a": 1}]}, {"messages": [{"a": 1}]}, ["shortened"]),
        ("completions", {"history_messages": 1}, {"messages": [{}, {}]}, {}, []),
        ("chat", {}, {"max_tokens": -1}, {}, []),
    ],
)
def test_what_is_set(shape, rule, payload, changed, reasons):
    before = copy.deepcopy(payload)
    changes = decide(shape, payload, Rule(**rule))
    assert isinstance(changes, Changes)
    assert (changes.set, changes.remove, changes.reasons) == (changed, [], reasons)
    assert payload == before
    assert bool(changes) is bool(changed)


def test_what_is_removed():
    rule = Rule(remove=["logit_bias", "api_base"])
    changes = decide("chat", {"logit_bias": {}, "user": "u", "api_base": None}, rule)
    assert (changes.set, changes.remove, changes.reasons) == ({}, ["logit_bias", "api_base"], ["removed"])
    assert not decide("chat", {"user": "u"}, rule)


def test_removing_the_clients_own_limit_for_ours():
    rule = Rule(remove=["max_tokens"], max_tokens_default=7)
    changes = decide("chat", {"max_tokens": 999}, rule)
    assert (changes.set, changes.remove) == ({"max_completion_tokens": 7}, ["max_tokens"])


@pytest.mark.parametrize("value", [-1, 1.5, 10.0, True, False, "5", [], {}])
@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ("chat", "max_tokens"),
        ("chat", "max_completion_tokens"),
        ("completions", "max_tokens"),
        ("responses", "max_output_tokens"),
        ("messages", "max_tokens"),
    ],
)
def test_a_cap_refuses_what_it_cannot_compare(shape, name, value):
    refused = decide(shape, {name: value}, Rule(max_tokens_cap=5))
    assert isinstance(refused, Refused)
    assert refused.param == name
    assert not decide(shape, {name: value}, Rule(temperature=1.0, remove=["x"])).set.keys() & {name}


def test_the_settings_are_not_handed_out():
    rule = Rule(force={"metadata": {"a": [1]}}, default={"stop": ["x"]})
    changes = decide("chat", {}, rule)
    changes.set["metadata"]["a"].append(2)
    changes.set["stop"].append("y")
    assert rule.force == {"metadata": {"a": [1]}}
    assert rule.default == {"stop": ["x"]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
NAMES = ("max_tokens", "max_completion_tokens", "max_output_tokens", "temperature", "user", "seed", "messages", "input")
PAYLOADS = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), JSON, max_size=6)
LIMIT = st.none() | st.integers(1, 100)
RULES = st.builds(
    Rule,
    max_tokens_cap=st.none() | st.integers(50, 100),
    max_tokens_default=st.none() | st.integers(1, 50),
    temperature=st.none() | st.floats(0, 2),
    default=st.dictionaries(st.sampled_from(["top_p", "stop"]), st.integers() | st.lists(st.text(max_size=2))),
    force=st.dictionaries(st.sampled_from(["user", "seed"]), st.integers() | st.booleans() | st.none()),
    remove=st.lists(st.sampled_from(["max_tokens", "logit_bias", ""])),
    history_messages=LIMIT,
)


@given(st.sampled_from(["chat", "completions", "responses", "messages"]), PAYLOADS, RULES)
def test_laws(shape, payload, rule):
    before = repr(payload)
    changes = decide(shape, payload, rule)
    assert repr(payload) == before
    if isinstance(changes, Refused):
        assert rule.max_tokens_cap is not None
        assert changes.param in payload
        return
    out = applied(payload, changes)
    again = decide(shape, out, rule)
    assert isinstance(again, Changes)
    assert not again, "once is enough"
    touched = {*changes.set, *changes.remove}
    assert {n: v for n, v in out.items() if n not in touched} == {n: v for n, v in payload.items() if n not in touched}
    for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
        asked, gets = payload.get(name), out.get(name)
        if type(asked) is int and name in out and name not in rule.remove:
            assert gets <= asked, "a cap never raises"
