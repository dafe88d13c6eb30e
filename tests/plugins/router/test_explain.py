import pytest
from click.testing import CliRunner

from tailrace.wire import jsonio
from tailrace_plugins.router.explain import command

HELLO = {"model": "auto", "messages": [{"role": "user", "content": "thanks!"}]}
CONFIG = """
providers: {sim: {base_url: 'http://127.0.0.1:1/v1'}}
models:
  auto: {route: true}
  big: {targets: [sim/gpt-4o]}
  small: {targets: [sim/gpt-4], abilities: {vision: false}}
plugins: [{router: {mode: rules, tiers: {simple: small, complex: big}}}]
"""
LOOK = [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "http://h/a.png"}}]


@pytest.fixture
def explain(tmp_path, monkeypatch):
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "TAILRACE_CONFIG"):
        monkeypatch.delenv(name, raising=False)

    def run(request, *arguments, config=""):
        words = [*arguments]
        if config:
            (tmp_path / "c.yaml").write_text(config)
            words += ["--config", str(tmp_path / "c.yaml")]
        given = request if isinstance(request, str) else jsonio.dumps(request).decode()
        return CliRunner().invoke(command, words, input=given)

    return run


def told(result):
    assert result.exit_code == 0, result.output
    return jsonio.loads_object(result.stdout.encode())


def test_it_shows_what_it_sees_and_what_it_makes_of_it(explain):
    shown = explain(HELLO, "--mode", "rules")
    assert shown.exit_code == 0
    for words in ("What counted", "contribution", "features:", "tier: trivial", "model: gpt-4o-mini"):
        assert words in shown.stdout
    assert "thanks" not in shown.stdout, "the request's own words are not repeated"


def test_as_json(explain):
    found = told(explain(HELLO, "--json", "--mode", "rules"))
    assert (found["tier"], found["model"], found["scored_by"]) == ("trivial", "gpt-4o-mini", "rules")
    assert list(found["thresholds"]) == ["trivial", "simple", "moderate", "complex"]
    assert found["tiers"]["expert"] == "gpt-4o"
    assert 0 < found["p"] < 1 and found["weights"][0]["name"]


def test_the_configured_tiers_and_abilities(explain):
    found = told(explain(HELLO, "--json", config=CONFIG))
    assert (found["scored_by"], found["model"], found["tiers"]["moderate"]) == ("rules", "small", "big")
    seeing = told(explain({"messages": [{"role": "user", "content": LOOK}]}, "--json", config=CONFIG))
    assert (seeing["model"], seeing["needs"]["vision"]) == ("big", True)
    assert "small (reads no images)" in seeing["choice"]


@pytest.mark.parametrize(
    ("request_", "arguments"),
    [
        ({"input": "thanks!"}, ()),
        ({"prompt": "thanks!"}, ()),
        ({"system": "s", "messages": [{"role": "user", "content": "thanks!"}]}, ()),
        ({"messages": [{"role": "user", "content": "thanks!"}]}, ("--shape", "messages")),
        ({}, ()),
    ],
)
def test_every_form_of_request(explain, request_, arguments):
    assert told(explain(request_, "--json", "--mode", "rules", *arguments))["tier"]


@pytest.mark.parametrize("given", ["", "hello", "[]", '{"a": NaN}'])
def test_what_is_no_request(explain, given):
    result = explain(given)
    assert result.exit_code == 1 and "no JSON object" in result.stderr


def test_weights_that_are_none(explain, tmp_path):
    (tmp_path / "w.json").write_text("{}")
    result = explain(HELLO, "--weights", str(tmp_path / "w.json"))
    assert result.exit_code == 1 and "w.json" in result.stderr and result.exception.__class__ is SystemExit
