"""`check`, `plugins` and `schema`: what would be served, and what can be configured."""

import os

import jsonschema
import orjson
import pytest
import yaml
from click.testing import CliRunner

from tailrace.cli import main
from tailrace.registry import installed

SECRET = "s3cret-4711"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in os.environ:
        if name.upper().startswith("TAILRACE"):
            monkeypatch.delenv(name)


@pytest.fixture
def check(tmp_path):
    def run(text, **env):
        path = tmp_path / "t.yaml"
        path.write_text(text)
        return CliRunner().invoke(main, ["check", "--config", str(path)], env=env)

    return run


FULL = """
admin: {token: "${SECRET}"}
providers:
  o: {base_url: http://h/v1, api_key: "${SECRET}", headers: {x-gateway-key: "${SECRET}"}}
keys: {static: {alice: "${SECRET}"}}
telemetry: {otlp: {endpoint: http://c:4318, headers: {authorization: "${SECRET}"}}}
plugins:
- defaults: {}
- stream: {text_only: true}
"""


def test_it_prints_what_is_in_force(check):
    result = check(FULL, SECRET=SECRET, TAILRACE__SERVER__PORT="99")
    assert (result.exit_code, result.stderr) == (0, "")
    shown = yaml.safe_load(result.stdout)
    assert shown["server"]["port"] == 99 and shown["upstream"]["total_s"] == 600
    assert [list(entry) for entry in shown["plugins"]] == [["defaults"], ["stream"]]
    assert shown["plugins"][1]["stream"]["text_only"] is True and shown["plugins"][1]["stream"]["deadline_s"] > 0
    assert result.stdout.endswith("# chain: defaults -> stream -> upstream\n")


def test_secrets_are_masked(check):
    result = check(FULL, SECRET=SECRET)
    assert SECRET not in result.output
    assert yaml.safe_load(result.stdout)["providers"]["o"]["api_key"] == "**********"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plugins: [{strem: {}}]", "plugins[0].strem: no such plugin is installed; did you mean 'stream'?"),
        (
            "plugins: [{stream: {text_olny: true}}]",
            "plugins[0].stream.text_olny: unknown key; did you mean 'text_only'?",
        ),
        ("plugins: [{stream: {}}, {stream: {}}]", "plugins[1].stream: stands in the chain twice"),
    ],
)
def test_mistakes_in_the_chain(check, text, told):
    result = check(text)
    assert result.exit_code == 78 and f"t.yaml:1: {told}" in result.stderr and result.stdout == ""


def test_what_serve_refuses_check_refuses(check):
    result = check("server: {host: 0.0.0.0}\nproviders: {o: {base_url: http://h, api_key: k}}\n")
    assert result.exit_code == 78 and "server.host" in result.stderr


def test_plugins():
    result = CliRunner().invoke(main, ["plugins"])
    assert result.exit_code == 0
    for name, entry in installed().items():
        assert f"{name}  ({entry.value})\n" in result.stdout
    assert "    text_only: true | false = false\n        Strip" in result.stdout


def test_a_plugin_that_cannot_be_imported_does_not_hide_the_others(monkeypatch):
    from importlib.metadata import EntryPoint

    real = installed()
    broken = {"broken": EntryPoint("broken", "no_such_module:X", "tailrace.plugins"), **real}
    monkeypatch.setattr("tailrace.registry.installed", lambda: broken)
    result = CliRunner().invoke(main, ["plugins"])
    assert result.exit_code == 0 and "broken: cannot be imported: no module 'no_such_module'" in result.stdout
    assert all(f"{name}  (" in result.stdout for name in real)


def test_schema():
    result = CliRunner().invoke(main, ["schema"])
    assert result.exit_code == 0
    schema = orjson.loads(result.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({"plugins": [{"stream": {"text_only": True}}]})
    assert not validator.is_valid({"plugins": [{"stream": {"text_olny": True}}]})
