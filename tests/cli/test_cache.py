"""`tailrace cache`: what is asked of the admin port, which the tests of ask.py and the end-to-end tests show."""

import pytest
from click.testing import CliRunner

from tailrace.cli import ask, main
from tailrace.wire import jsonio

TOLD = {"caches": {"exact_cache": {"hits": 1, "misses": 1, "hit_rate": 0.5}}, "more": 1}


@pytest.fixture
def run(monkeypatch):
    """Run a command; what it asked is in `run.asked`."""
    asked = []

    def answer(path, url, token, method, target, body=None):
        asked.append((path, url, token, method, target, body))
        return TOLD if method == "GET" else {"purged": {"exact_cache": 3, "semantic_cache": 0}}

    monkeypatch.setattr(ask, "ask_admin", answer)
    monkeypatch.delenv("TAILRACE_ADMIN_TOKEN", raising=False)

    def invoke(*arguments, **more):
        return CliRunner().invoke(main, ["cache", *arguments], **more)

    invoke.asked = asked
    return invoke


def test_stats(run):
    result = run("stats")
    assert result.exit_code == 0 and "50.0%" in result.stdout
    assert run.asked == [(None, None, None, "GET", "/cache", None)]


def test_stats_as_json(run):
    assert jsonio.loads(run("stats", "--json").stdout.encode()) == TOLD


def test_where_and_with_what(run):
    run("stats", "--url", "http://h:1", "--config", "x.yaml", env={"TAILRACE_ADMIN_TOKEN": "t0ken"})
    assert run.asked == [("x.yaml", "http://h:1", "t0ken", "GET", "/cache", None)]


@pytest.mark.parametrize(
    ("options", "selector"),
    [
        (["--all"], {"everything": True}),
        (["--model", "gpt-4o"], {"model": "gpt-4o"}),
        (["--tag", "a b"], {"tag": "a b"}),
        (["--key", "k", "--tenant", "t"], {"key": "k", "tenant": "t"}),
        (["--question", "*refund*", "--older-than", "1h"], {"question": "*refund*", "older_than_s": 3600.0}),
        (["--older-than", "90"], {"older_than_s": 90.0}),
        (["--all", "--cache", "exact_cache"], {"everything": True, "cache": "exact_cache"}),
    ],
)
def test_purge(run, options, selector):
    result = run("purge", *options)
    assert (result.exit_code, result.stdout) == (0, "exact_cache: 3 deleted\nsemantic_cache: 0 deleted\n")
    assert run.asked[0][3:] == ("POST", "/cache/purge", selector)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "say what is to go"),
        (["--cache", "exact_cache"], "say what is to go"),
        (["--older-than", "soon"], "write a duration"),
        (["--older-than", "-5s"], "write a duration"),
        (["--everything"], "No such option"),
    ],
)
def test_what_is_not_clear_is_not_asked(run, options, told):
    result = run("purge", *options)
    assert result.exit_code == 2 and told in result.stderr and not run.asked


def test_help():
    for command in ([], ["stats"], ["purge"]):
        result = CliRunner().invoke(main, ["cache", *command, "--help"])
        assert result.exit_code == 0 and "tailrace cache" in result.stdout
