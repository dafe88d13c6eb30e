import stat

import pytest
from click.testing import CliRunner

from tailrace.wire import jsonio
from tailrace_plugins.router.cascade.export_command import command

USER = {"role": "user", "content": "Why?"}
CHEAP, STRONG = {"role": "assistant", "content": "Cheap."}, {"role": "assistant", "content": "Strong."}


def row(tenant, strong=None):
    return {
        "tenant": tenant,
        "shape": "chat",
        "accepted": strong is None,
        "request": {"messages": [USER]},
        "cheap": CHEAP,
        "strong": strong,
    }


@pytest.fixture
def folder(tmp_path):
    kept = tmp_path / "data" / "router"
    kept.mkdir(parents=True)
    lines = [jsonio.dumps(row("a")), jsonio.dumps(row("a", STRONG)), jsonio.dumps(row("b", STRONG)), b'{"requ']
    (kept / "pairs.jsonl").write_bytes(b"\n".join(lines))
    return tmp_path


def export(folder, *more):
    out = folder / "out.jsonl"
    result = CliRunner().invoke(command, ["--data-dir", str(folder / "data"), "--out", str(out), *more])
    return result, [jsonio.loads(line) for line in out.read_bytes().splitlines()] if out.exists() else None


def test_all_of_it(folder):
    result, lines = export(folder)
    assert result.exit_code == 0 and [line["messages"][-1] for line in lines] == [CHEAP, STRONG, STRONG]
    assert "3 written, 1 skipped" in result.output and "prompts" in result.output and "1 unreadable" in result.output
    assert stat.S_IMODE((folder / "out.jsonl").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("options", "count", "why"),
    [
        (["--tenant", "a"], 2, "1 of other tenants"),
        (["--only", "accepted"], 1, "2 left out by --only"),
        (["--only", "escalated", "--tenant", "b"], 1, "1 of other tenants"),
        (["--format", "preference"], 2, "1 accepted, so there is no second answer"),
        (["--tenant", "c"], 0, "3 of other tenants"),
    ],
)
def test_a_part_of_it(folder, options, count, why):
    result, lines = export(folder, *options)
    assert (len(lines), result.exit_code) == (count, 0) and (
        why in result.output or "2 of other tenants" in result.output
    )


def test_a_file_that_is_there_stays(folder):
    (folder / "out.jsonl").write_text('"mine"')
    result, lines = export(folder)
    assert result.exit_code == 1 and "--force" in result.output and lines == ["mine"]
    result, lines = export(folder, "--force")
    assert result.exit_code == 0 and len(lines) == 3
    assert stat.S_IMODE((folder / "out.jsonl").stat().st_mode) == 0o600


def test_where_it_is_read_from(folder, tmp_path):
    config = tmp_path / "tailrace.yaml"
    config.write_text(f"data_dir: {folder / 'data'}\n")
    out = tmp_path / "from-config.jsonl"
    result = CliRunner().invoke(command, ["--config", str(config), "--out", str(out)])
    assert result.exit_code == 0 and len(out.read_bytes().splitlines()) == 3
    empty = tmp_path / "empty"
    empty.mkdir()
    result = CliRunner().invoke(command, ["--data-dir", str(empty), "--out", str(tmp_path / "none.jsonl")])
    assert "0 written" in result.output and "keep_pairs" in result.output
    result = CliRunner().invoke(command, ["--data-dir", str(empty), "--out", str(tmp_path / "no" / "such.jsonl")])
    assert result.exit_code == 1 and "No such file" in result.output
