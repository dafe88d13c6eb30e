"""What all commands share: help, the version, and how mistakes are shown."""

import pytest
from click.testing import CliRunner

from tailrace.cli import main
from tailrace.version import VERSION

COMMANDS = ("serve", "check", "plugins", "schema", "cache", "eval", "router", "sim", "demo")


def run(*arguments, **more):
    return CliRunner().invoke(main, list(arguments), **more)


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help(flag):
    result = run(flag)
    assert result.exit_code == 0
    assert all(f"\n  {name} " in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command):
    result = run(command, "--help")
    assert result.exit_code == 0 and result.stdout.startswith(f"Usage: main {command}")


def test_version():
    assert run("--version").stdout == f"tailrace, version {VERSION}\n"


@pytest.mark.parametrize("arguments", [("sever",), ("serve", "--prot", "1"), ("serve", "--port", "70000")])
def test_what_is_no_command(arguments):
    result = run(*arguments)
    assert result.exit_code == 2 and "Error" in result.stderr and result.stdout == ""


@pytest.mark.parametrize("command", ["serve", "check"])
def test_mistakes_are_counted_named_and_exit_78(command, tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text("server: {prot: 1, port: x}\n")
    result = run(command, "--config", str(path))
    assert (result.exit_code, result.stdout) == (78, "")
    lines = result.stderr.splitlines()
    assert lines[0] == "The configuration has 2 mistakes:"
    assert f"  {path}:1: server.prot: unknown key; did you mean 'port'?" in lines
    path.write_text("server: {prot: 1}\n")
    assert run(command, "-c", str(path)).stderr.startswith("The configuration has 1 mistake:\n")
