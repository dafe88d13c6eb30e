import pytest

from tailrace.errors import BadRequest
from tailrace.testing import exchange, plugin, run, virtual_time, whole
from tailrace.wire.endpoints import CHAT, EMBEDDINGS, MESSAGES
from tailrace_plugins.defaults.plugin import DefaultsPlugin

OK = whole({"choices": []})


def defaults(*rules):
    return plugin(DefaultsPlugin, {"rules": list(rules)})


@virtual_time
async def test_it_rewrites_and_says_what():
    rule = {"max_tokens_cap": 10, "default": {"user": "x"}, "remove": ["seed"], "history_messages": 1}
    payload = {"model": "m", "max_tokens": 99, "seed": 3, "messages": [{"a": 1}, {"b": 2}], "odd": [1.50]}
    result = await run(defaults(rule), exchange(payload), OK)
    sent = result.upstream.got[0]
    assert sent.payload == {"model": "m", "max_tokens": 10, "messages": [{"b": 2}], "odd": [1.5], "user": "x"}
    assert result.header == "defaults=removed+defaulted+capped+shortened"
    assert result.facts == {"set": "max_tokens,messages,user", "removed": "seed", "dropped_messages": 1}


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ([], "no-rule"),
        ([{"models": ["other"], "force": {"user": "x"}}], "no-rule"),
        ([{"tenants": ["other"], "force": {"user": "x"}}], "no-rule"),
        ([{"max_tokens_cap": 10, "remove": ["seed"]}], "nothing-to-change"),
        ([{"models": ["m"]}, {"force": {"user": "x"}}], "nothing-to-change"),
    ],
)
def test_the_clients_own_bytes_go_on(rules, reason):
    raw = b'{ "model":"m", "max_tokens": 1e0, "max_tokens":5 }'

    @virtual_time
    async def ask():
        return await run(defaults(*rules), exchange(raw), OK)

    result = ask()
    assert result.header == f"defaults=stood-aside({reason})"
    assert result.upstream.got[0].body() is result.exchange.raw
    assert result.facts == {}


@virtual_time
async def test_rules_are_by_tenant_and_model():
    made = defaults({"models": ["gpt-*"], "tenants": ["a"], "force": {"user": "first"}}, {"force": {"user": "rest"}})
    seen = []
    for model, tenant in (("gpt-4o", "a"), ("gpt-4o", "b"), ("o1", "a")):
        result = await run(made, exchange({"model": model}, tenant=tenant), OK)
        seen.append(result.upstream.got[0].payload["user"])
    assert seen == ["first", "rest", "rest"]


@pytest.mark.parametrize("endpoint", [CHAT, MESSAGES])
def test_a_value_that_cannot_be_capped_is_the_clients_mistake(endpoint):
    @virtual_time
    async def ask():
        return await run(defaults({"max_tokens_cap": 9}), exchange({"max_tokens": "x"}, endpoint=endpoint), OK)

    result = ask()
    assert isinstance(result.error, BadRequest)
    assert (result.status, result.error.param, result.error.code) == (400, "max_tokens", "invalid_value")
    assert result.header == "defaults=refused(400)"
    assert result.upstream.got == []


@virtual_time
async def test_without_a_cap_the_provider_judges():
    result = await run(defaults({"force": {"user": "x"}}), exchange({"max_tokens": "x"}), OK)
    assert result.upstream.got[0].payload == {"max_tokens": "x", "user": "x"}


@virtual_time
async def test_embeddings_are_not_its_business():
    result = await run(defaults({"force": {"user": "x"}}), exchange({"model": "m"}, endpoint=EMBEDDINGS), OK)
    assert result.header == ""


def test_clients_cannot_leave_it_out():
    assert not DefaultsPlugin.skippable
