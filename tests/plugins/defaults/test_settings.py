import datetime

import pytest
from pydantic import ValidationError

from tailrace.config.problems import from_validation
from tailrace.config.reference import json_schema, setting_rows
from tailrace_plugins.defaults.settings import NOT_TO_BE_REMOVED, NOT_TO_BE_SET, DefaultsSettings


def problems(rule):
    try:
        DefaultsSettings.model_validate({"rules": [rule]})
    except ValidationError as error:
        return [str(problem) for problem in from_validation(error, DefaultsSettings)]
    return []


NEVER_SET = ["model", "stream", "messages", "input", "api_key", "api_base", "base_url", "extra_headers"]


@pytest.mark.parametrize("where", ["force", "default"])
@pytest.mark.parametrize("name", [*NEVER_SET, *NOT_TO_BE_SET])
def test_routing_and_credentials_are_never_set(where, name):
    [problem] = problems({where: {name: "x"}})
    assert problem == f"rules[0].{where}: {name!r} cannot be set by a rule: {NOT_TO_BE_SET[name]}"


@pytest.mark.parametrize("name", NOT_TO_BE_REMOVED)
def test_a_request_keeps_what_makes_it_one(name):
    assert problems({"remove": [name]}) == [
        f"rules[0].remove: {name!r} cannot be removed: a request is nothing without it"
    ]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"max_tokens_cap": 0}, "max_tokens_cap"),
        ({"max_tokens_cap": True}, "not true or false"),
        ({"max_tokens_cap": 1.5}, "max_tokens_cap"),
        ({"max_tokens_default": -1}, "max_tokens_default"),
        ({"max_tokens_cap": 5, "max_tokens_default": 6}, "above max_tokens_cap"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": True}, "not true or false"),
        ({"temperature": 1, "force": {"temperature": 1}}, "both by itself and in 'force'"),
        ({"force": {"a": 1}, "default": {"a": 2}}, "both in 'force' and in 'default'"),
        ({"force": {"a": 1}, "remove": ["a"]}, "both in 'remove' and in 'force'"),
        ({"force": {"a": float("nan")}}, "JSON cannot hold"),
        ({"default": {"a": [float("inf")]}}, "JSON cannot hold"),
        ({"default": {"a": datetime.date(2024, 1, 1)}}, "default.a"),
        ({"force": {"max_tokens": "many"}}, "must be a non-negative integer"),
        ({"default": {"max_output_tokens": True}}, "must be a non-negative integer"),
        ({"history_messages": 0}, "history_messages"),
        ({"history_step": 2}, "needs history_messages"),
        ({"history_messages": 3, "history_step": 4}, "above history_messages"),
        ({"models": []}, "models"),
        ({"tenants": []}, "tenants"),
        ({"max_token_cap": 5}, "did you mean 'max_tokens_cap'"),
        ({"chat_max_tokens_name": "tokens"}, "chat_max_tokens_name"),
    ],
)
def test_mistakes_are_told(rule, words):
    found = problems(rule)
    assert found
    assert any(words in problem and problem.startswith("rules[0]") for problem in found), found


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"max_tokens_cap": 1, "max_tokens_default": 1, "temperature": 0},
        {"temperature": 2, "force": {"user": None, "metadata": {"a": [1, 2.5, "x", True]}}},
        {"history_messages": 1, "history_step": 1},
        {"remove": ["api_key", "logit_bias"]},
    ],
)
def test_fits(rule):
    assert problems(rule) == []


def test_every_setting_is_documented():
    rows = list(setting_rows(DefaultsSettings))
    assert {"rules", "rules.models", "rules.history_step"} <= {row.key for row in rows}
    assert all(row.text for row in rows)
    assert json_schema({"defaults": DefaultsSettings})["$defs"]["defaults.Rule"]
