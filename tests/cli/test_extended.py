from importlib.metadata import EntryPoint

import click
import pytest
from click.testing import CliRunner

from tailrace.cli import extended


@click.command()
def hello() -> None:
    """Say hello."""
    click.echo("hello")


NOT_A_COMMAND = 3


@pytest.fixture
def main(monkeypatch):
    here = __name__
    entries = [
        EntryPoint("greeter.hello", f"{here}:hello", extended.GROUP),
        EntryPoint("eval.hello", f"{here}:hello", extended.GROUP),
        EntryPoint("broken", f"{here}:NOT_A_COMMAND", extended.GROUP),
    ]
    monkeypatch.setattr(extended, "entry_points", lambda group: entries)
    monkeypatch.setattr(EntryPoint, "load", lambda self: globals()[self.attr])
    main = extended.Extended("main")
    main.add_command(extended.evaluate)
    return main


@pytest.mark.parametrize("words", [["greeter", "hello"], ["eval", "hello"]])
def test_a_plugins_command_is_called(main, words):
    assert CliRunner().invoke(main, words).output == "hello\n"


def test_a_group_lists_what_plugins_bring(main):
    assert {"greeter", "eval", "broken"} == set(main.list_commands(click.Context(main)))
    told = CliRunner().invoke(main, ["greeter", "--help"]).output
    assert "Commands that the greeter plugin brings." in told and "Say hello." in told


def test_what_is_no_command_is_named(main):
    told = CliRunner().invoke(main, ["broken"])
    assert told.exit_code == 1 and "is no click command" in told.output


def test_an_unknown_command_is_none(main):
    assert CliRunner().invoke(main, ["greeter", "bye"]).exit_code == 2
    assert CliRunner().invoke(main, ["gree"]).exit_code == 2
