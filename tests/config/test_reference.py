"""The configuration describes itself: a schema for editors, rows for the documentation."""

from typing import Any, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field, SecretStr

from tailrace.config.models import Config
from tailrace.config.reference import json_schema, setting_rows
from tailrace.config.values import Seconds
from tailrace.registry import installed, load_class

FULL = {
    "server": {"host": "0.0.0.0", "port": 8080, "max_body_bytes": 1, "header_timeout_s": 10, "drain_s": 30.5},
    "admin": {"enabled": True, "host": "127.0.0.1", "port": 8081, "token": "${TOKEN}"},
    "providers": {
        "openai": {"base_url": "https://api.openai.com/v1", "api_key": "${OPENAI_API_KEY}", "headers": {"x": "y"}},
        "azure": {"base_url": "https://r", "dialect": "azure", "api_version": "2024-10-21", "deadlines": {"idle_s": 5}},
        "bedrock": {"dialect": "litellm"},
    },
    "upstream": {"connect_s": 5, "retries": 1, "retry_budget": 0.2, "stream_usage": "always"},
    "models": {"gpt": {"targets": ["openai/gpt", "azure/gpt"], "deadlines": {"first_event_s": None}}},
    "keys": {"static": {"alice": "sk-1"}},
    "plugins": [{"stream": {"text_only": True}}, {"defaults": None}],
    "prices": {"gpt": {"input": 1, "output": 2.5, "cache_read": None}},
    "telemetry": {"otlp": {"endpoint": "http://c:4318", "headers": {"k": "v"}}, "capture_content": False},
    "data_dir": "/var/lib/tailrace",
    "preset": "off",
}


@pytest.fixture(scope="module")
def schema():
    made = json_schema({name: load_class(entry).Settings for name, entry in installed().items()})
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


def test_a_full_example_fits_schema_and_settings(schema):
    schema.validate(FULL)
    Config(**FULL)
    schema.validate({})


@pytest.mark.parametrize(
    "change",
    [
        {"sever": {}},
        {"server": {"prot": 1}},
        pytest.param(
            {"server": {"port": 70000}},
        ),
        {"providers": {"o": {"dialect": "soap"}}},
        {"models": {"m": {"targets": []}}},
        {"models": {"m": {}}},
        {"plugins": [{"stream": {"no_such": 1}}]},
        {"plugins": [{"no_such": {}}]},
        {"plugins": [{"stream": {}, "defaults": {}}]},
        {"plugins": {"stream": {}}},
        {"telemetry": {"capture_content": True}},
    ],
)
def test_mistakes_do_not(schema, change):
    assert not schema.is_valid({**FULL, **change})


@pytest.mark.parametrize(
    "change", [{"server": {"drain_s": "30s"}}, {"upstream": {"total_s": "10m"}}, {"server": {"port": "${PORT}"}}]
)
def test_what_load_takes_fits(schema, change):
    schema.validate(change)


def test_a_schema_without_plugins():
    jsonschema.Draft202012Validator.check_schema(json_schema({}))


class Inner(BaseModel):
    size: int = Field(default=1, description="How\n  large.")


class Outer(BaseModel):
    name: str
    secret: SecretStr | None = None
    flag: bool = False
    choice: Literal[False, "a", "b"] = "a"
    wait_s: Seconds = 1.5
    inner: Inner = Inner()
    many: dict[str, Inner] = Field(default_factory=dict)
    numbers: list[int] = Field(default_factory=list)
    anything: Any = None


def test_rows():
    rows = {row.key: (row.type, row.default) for row in setting_rows(Outer, "p.")}
    assert rows == {
        "p.name": ("text", "required"),
        "p.secret": ("secret", "none"),
        "p.flag": ("true | false", "false"),
        "p.choice": ("false | a | b", "a"),
        "p.wait_s": ("number", "1.5"),
        "p.inner": ("section", "see below"),
        "p.inner.size": ("integer", "1"),
        "p.many": ("mapping of section", "empty"),
        "p.many.<name>.size": ("integer", "1"),
        "p.numbers": ("list of integer", "empty"),
        "p.anything": ("anything", "none"),
    }
    assert [row.text for row in setting_rows(Inner)] == ["How large."]


def test_every_setting_says_what_it_does():
    rows = list(setting_rows(Config))
    assert {"server.port", "providers.<name>.deadlines.idle_s", "telemetry.otlp.headers"} <= {row.key for row in rows}
    assert not [row.key for row in rows if not row.text.endswith(".")]
