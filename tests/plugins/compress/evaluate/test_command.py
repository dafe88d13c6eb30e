import pytest
from click.testing import CliRunner

from tailrace.wire import jsonio
from tailrace_plugins.compress.evaluate import command as module

KEYS = [
    "trajectories", "requests", "tokens_before", "tokens_after", "billed_before_usd", "billed_after_usd", "net_saving",
    "worst_trajectory_saving", "prefix_hit_before", "prefix_hit_after", "lossless_ok", "added_p50_ms", "added_p99_ms",
]  # fmt: skip


def row(turns=3):
    messages = [{"role": "user", "content": "What is there?"}]
    for turn in range(turns):
        call = {"id": f"call_{turn}", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        found = ", ".join(f'{{"id": "item_{turn}_{at}", "price": {100 + at}}}' for at in range(20))
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{turn}", "content": f"[{found}]"},
        ]
    return {"messages": [*messages, {"role": "assistant", "content": "item_1_1 for 101"}]}


@pytest.fixture
def given(tmp_path):
    """Arguments: the conversations, the system prompt, the tools."""

    def made(*rows):
        file, system, tools = tmp_path / "runs.jsonl", tmp_path / "system.txt", tmp_path / "tools.json"
        file.write_bytes(b"".join(jsonio.dumps(row) + b"\n" for row in rows))
        system.write_text("You look things up. " * 500)
        tools.write_bytes(jsonio.dumps([{"type": "function", "function": {"name": "look"}}]))
        return [str(file), "--system", str(system), "--tools", str(tools)]

    return made


def run(*args):
    return CliRunner().invoke(module.command, list(args))


def last(result):
    assert result.exit_code == 0, result.output
    return jsonio.loads(result.stdout.strip().splitlines()[-1])


def test_the_last_line_is_one_object(given):
    result = run(*given(row(), row(2)))
    told = last(result)
    assert list(told) == KEYS
    assert (told["trajectories"], told["requests"], told["lossless_ok"]) == (2, 7, True)
    assert 0 < told["worst_trajectory_saving"] <= told["net_saving"] < 1
    assert told["tokens_after"] < told["tokens_before"]
    assert "2 conversations, 7 requests" in result.stdout
    assert "acted compressed" in result.stdout


def test_the_same_comes_out_each_time(given):
    args = given(row(), row(2))
    first, second = (last(run(*args, "--json")) for _ in range(2))
    for told in (first, second):
        del told["added_p50_ms"], told["added_p99_ms"]
    assert first == second


def test_only_the_line(given):
    result = run(*given(row()), "--json")
    assert len(result.stdout.splitlines()) == 1
    assert list(last(result)) == KEYS


def test_prices_and_rules_are_taken(given):
    args = given(row())
    usual = last(run(*args, "--json"))
    twice = last(run(*args, "--json", "--price-in", "5", "--price-cached", "0.5", "--price-write", "5"))
    assert twice["billed_before_usd"] == pytest.approx(2 * usual["billed_before_usd"])
    assert twice["net_saving"] == usual["net_saving"]
    dear = last(run(*args, "--json", "--price-write", "25"))
    assert dear["billed_before_usd"] > 4 * usual["billed_before_usd"]
    never = last(run(*args, "--json", "--min-cached", "1000000"))
    assert never["prefix_hit_before"] == never["prefix_hit_after"] == 0
    assert last(run(*args, "--json", "--block", "512"))["prefix_hit_before"] < usual["prefix_hit_before"]


def test_without_system_prompt_and_tools(given):
    with_them = last(run(*given(row()), "--json"))
    without = last(run(given(row())[0], "--json"))
    assert without["requests"] == with_them["requests"]
    assert without["tokens_before"] < with_them["tokens_before"]


def test_estimates_are_called_so(given, monkeypatch):
    pytest.importorskip("tiktoken")
    args = given(row())
    assert "tokens are estimates" not in run(*args).stdout
    monkeypatch.setattr("tailrace.tokens._load", lambda name: None)
    result = run(*args)
    assert "tokens are estimates" in result.stdout
    assert last(result)["net_saving"] > 0


def test_mistakes_name_file_and_line(given):
    args = given(row(), {"messages": 1})
    result = run(*args)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {args[0]}:2: 'messages' must be a list of chat messages\n"


@pytest.mark.parametrize("option", ["--system", "--tools"])
def test_a_bad_file_is_named(given, tmp_path, option):
    bad = tmp_path / "bad"
    bad.write_bytes(b"\xff")
    result = run(*given(row()), option, str(bad))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {bad}: ")


def test_a_file_that_cannot_be_read_is_named(given, monkeypatch):
    def read(*args):
        raise OSError(13, "Permission denied", "runs.jsonl")

    monkeypatch.setattr(module, "read_trajectories", read)
    assert run(*given(row())).stderr == "Error: runs.jsonl: Permission denied\n"


@pytest.mark.parametrize("option", [["--block", "0"], ["--price-in", "-1"], ["--min-cached", "-1"]])
def test_options_out_of_range(given, option):
    assert run(*given(row()), *option).exit_code == 2


def test_settings_are_taken(given):
    args = given(row())
    plain, all_of_them = last(run(*args)), last(run(*args, "--all"))
    off = last(run(*args, "--set", "tabular=false", "--set", "minify=false", "--set", "repeats=false"))
    assert off["tokens_before"] == off["tokens_after"] == plain["tokens_before"]
    assert all_of_them["tokens_after"] <= plain["tokens_after"] < plain["tokens_before"]
    nested = last(run(*args, "--set", "history.enabled=true", "--set", "history.limit=40"))
    assert nested["tokens_after"] == plain["tokens_after"]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("tabular", "not KEY=VALUE"),
        ("tabularr=1", "tabularr"),
        ("max_result_chars=5", "max_result_chars"),
        ("history.limi=5", "history.limi"),
    ],
)
def test_bad_settings_are_named(given, setting, told):
    result = run(*given(row()), "--set", setting)
    assert result.exit_code == 2 and told in result.output
