import sys
from array import array
from types import ModuleType

import pytest
from click.testing import CliRunner

from tailrace.wire import jsonio
from tailrace_plugins.router.evaluate import embedding
from tailrace_plugins.router.evaluate.train_command import command
from tailrace_plugins.router.scorer import WeightsError
from tailrace_plugins.router.scorer.heads import EMBEDDING_SIZE

TRAINED = {
    "heads": {},
    "statement": {"apgr": {"learned": {"own[1]": {"rows": 1234, "apgr": 0.6543, "interval": [0.61, 0.69]}}}},
}


@pytest.fixture(autouse=True)
def got(monkeypatch):
    """What `train` was called with; it gives the weights above."""
    calls = []

    def train(rows, *, seed, embed=None):
        calls.append((rows, seed, None if embed is None else embed(["a", "b"])))
        if any(row["prompt"] == "few" for row in rows):
            raise WeightsError("1 usable rows where at least 50 are needed")
        return TRAINED

    module = ModuleType("train")
    module.train = train
    monkeypatch.setitem(sys.modules, "tailrace_plugins.router.scorer.train", module)
    monkeypatch.setattr(embedding, "is_installed", lambda: False)
    return calls


@pytest.fixture
def file(tmp_path):
    def made(name="own.jsonl", prompt="a", **more):
        path = tmp_path / name
        path.write_bytes(jsonio.dumps({"prompt": prompt, "weak_correct": 0, "strong_correct": 1, **more}))
        return str(path)

    return made


def run(*args):
    return CliRunner().invoke(command, list(args))


def test_weights_are_written_and_figures_printed(file, got, tmp_path):
    out = tmp_path / "weights.json"
    result = run(file("one.jsonl"), file("two.jsonl"), "--out", str(out))
    assert result.exit_code == 0, result.output
    assert jsonio.loads(out.read_bytes()) == TRAINED
    ((rows, seed, vectors),) = got
    assert ([row["source"] for row in rows], seed, vectors) == (["one", "two"], 7, None)
    assert "own[1]" in result.stdout
    assert "1,234" in result.stdout
    assert "0.654" in result.stdout
    assert "0.610 … 0.690" in result.stdout
    assert result.stdout.splitlines()[-1] == f"written: {out}"


def test_vectors(file, got, monkeypatch, tmp_path):
    one = array("f", [1.0] + [0.0] * (EMBEDDING_SIZE - 1))
    monkeypatch.setattr(embedding, "is_installed", lambda: True)
    monkeypatch.setattr(embedding, "embed", lambda texts, tell: [one.tobytes(), None])
    run(file(), "--out", str(tmp_path / "w"), "--seed", "3")
    (_, seed, vectors) = got[0]
    assert seed == 3
    # A text without a vector weighs nothing.
    assert [list(vector) for vector in vectors] == [list(one), [0.0] * EMBEDDING_SIZE]
    run(file(), "--out", str(tmp_path / "w"), "--no-embedding")
    assert got[1][2] is None


def test_an_embedder_that_does_not_load(file, monkeypatch, tmp_path):
    def fails(texts, tell):
        raise embedding.NotReady("no model")

    monkeypatch.setattr(embedding, "is_installed", lambda: True)
    monkeypatch.setattr(embedding, "embed", fails)
    result = run(file(), "--out", str(tmp_path / "w"))
    assert (result.exit_code, result.stderr) == (1, "Error: no model (--no-embedding learns without)\n")


def test_mistakes(file, tmp_path):
    out = str(tmp_path / "w")
    assert run(file(prompt="few"), "--out", out).stderr == "Error: 1 usable rows where at least 50 are needed\n"
    assert run(file(weak_correct="x"), "--out", out).stderr.endswith("'weak_correct' must be true, false or a number\n")
    assert "No such file" in run(file(), "--out", str(tmp_path / "no" / "w")).stderr
    assert run("--out", out).exit_code == 2
    assert run(file()).exit_code == 2


def test_without_the_extra(file, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tailrace_plugins.router.scorer.train", None)
    result = run(file(), "--out", str(tmp_path / "w"))
    assert (result.exit_code, result.stderr) == (1, "Error: training needs pip install 'tailrace[semantic]'\n")
