import pytest
from click.testing import CliRunner

from tailrace.wire import jsonio
from tailrace_plugins.router.evaluate import command as module
from tailrace_plugins.router.evaluate import embedding, plot
from tailrace_plugins.router.scorer import WeightsError

KEYS = ["file", "n", "cpt50", "cpt80", "apgr", "p50_ms", "p99_ms"]


class Short:
    """Short questions are for the cheap model; with a vector, long ones are."""

    made = ()

    def __init__(self, mode, weights=None):
        Short.made = (mode, weights)
        if weights is not None and weights.read_bytes() == b"bad":
            raise WeightsError(f"{weights}: no weights of the router")

    def score(self, features, embedding=None):
        share = len(features.question) / 100
        return type("Score", (), {"p": share if embedding else 1 - share})


@pytest.fixture(autouse=True)
def scorer(monkeypatch):
    monkeypatch.setattr(module, "Scorer", Short)
    monkeypatch.setattr(embedding, "is_installed", lambda: False)
    return Short


@pytest.fixture
def file(tmp_path):
    """The strong model is needed for the longer half."""

    def made(name="own.jsonl", **more):
        rows = [{"prompt": "x" * (at + 1), "weak_correct": at < 10, "strong_correct": True, **more} for at in range(20)]
        path = tmp_path / name
        path.write_bytes(b"".join(jsonio.dumps(row) + b"\n" for row in rows))
        return str(path)

    return made


def run(*args):
    return CliRunner().invoke(module.command, list(args))


def last(result, count=1):
    return [jsonio.loads(line) for line in result.stdout.strip().splitlines()[-count:]]


def test_the_last_lines_are_one_object_for_each_file(file):
    one, two = file("one.jsonl"), file("two.jsonl")
    result = run(two, one, "--bootstrap", "30")
    assert result.exit_code == 0, result.output
    first, second = last(result, 2)
    assert list(first) == list(second) == KEYS
    assert (first["file"], second["file"]) == (two, one)
    assert (first["n"], first["cpt50"], first["cpt80"], first["apgr"]) == (20, 25.0, 40.0, 0.75)
    assert 0 < first["p50_ms"] <= first["p99_ms"]
    assert "prompt length" in result.stdout
    assert "95% of resamples" in result.stdout


def test_json_only(file):
    result = run(file(), "--json", "--bootstrap", "0")
    assert [list(jsonio.loads(line)) for line in result.stdout.splitlines()] == [KEYS]


@pytest.mark.parametrize(
    ("args", "mode"), [([], "learned"), (["--mode", "rules"], "rules"), (["--scorer", "rules"], "rules")]
)
def test_modes(file, scorer, args, mode):
    result = run(file(), "--bootstrap", "0", *args)
    assert scorer.made == (mode, None)
    assert f"router ({mode})" in result.stdout


def test_weights(file, scorer, tmp_path):
    weights = tmp_path / "weights.json"
    weights.write_bytes(b"good")
    assert run(file(), "--bootstrap", "0", "--weights", str(weights)).exit_code == 0
    assert scorer.made == ("learned", weights)
    weights.write_bytes(b"bad")
    result = run(file(), "--weights", str(weights))
    assert result.exit_code == 1
    assert result.stderr == f"Error: {weights}: no weights of the router\n"


def test_embeddings_are_used_where_they_are_installed(file, monkeypatch):
    monkeypatch.setattr(embedding, "is_installed", lambda: True)
    monkeypatch.setattr(embedding, "embed", lambda texts, tell: [b"v"] * len(texts))
    result = run(file(), "--bootstrap", "0")
    assert last(result)[0]["apgr"] == 0.25
    assert "with embeddings" in result.stdout
    for args in (["--no-embedding"], ["--mode", "rules"]):
        result = run(file(), "--bootstrap", "0", *args)
        assert last(result)[0]["apgr"] == 0.75
        assert "without embeddings" in result.stdout


def test_each_file_gets_its_own_vectors(file, monkeypatch):
    monkeypatch.setattr(embedding, "is_installed", lambda: True)
    monkeypatch.setattr(embedding, "embed", lambda texts, tell: [b"v"] * 20 + [None] * 20)
    result = run(file("one.jsonl"), file("two.jsonl"), "--bootstrap", "0")
    assert [line["apgr"] for line in last(result, 2)] == [0.25, 0.75]
    assert "20 questions have none" in result.stdout


def test_without_the_extra_it_says_so(file):
    assert "without embeddings: they need pip install 'tailrace[semantic]'" in run(file(), "--bootstrap", "0").stdout


def test_costs(file):
    result = run(file(), "--bootstrap", "0", "--prices", "0.24", "24.7")
    assert "$ per 1,000 (of all strong)" in result.stdout
    own = run(file(weak_cost_usd=0.001, strong_cost_usd=0.01), "--bootstrap", "0")
    assert "5.05 (50%)" in own.stdout
    assert "$ per 1,000" not in run(file(), "--bootstrap", "0").stdout


def test_a_picture_of_all_files(file, monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(plot, "require", lambda: None)
    monkeypatch.setattr(plot, "draw", lambda panels, target: drawn.append(([panel.title for panel in panels], target)))
    target = tmp_path / "a.png"
    assert run(file("a.jsonl"), file("b.jsonl"), "--bootstrap", "0", "--plot", str(target)).exit_code == 0
    assert drawn == [(["a.jsonl", "b.jsonl"], target)]


def test_a_picture_that_cannot_be_drawn_fails_before_the_work(file, monkeypatch, tmp_path, scorer):
    def require():
        raise plot.CannotDraw("drawing needs matplotlib")

    scorer.made = ()
    monkeypatch.setattr(plot, "require", require)
    result = run(file(), "--plot", str(tmp_path / "a.png"))
    assert (result.exit_code, result.stderr) == (1, "Error: drawing needs matplotlib\n")
    assert scorer.made == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [(b'{"prompt": "a"}\n', ":1: needs 'weak_correct' or 'weak_scores'"), (b"", ": no rows")],
)
def test_a_file_that_is_none(tmp_path, content, words):
    path = tmp_path / "own.jsonl"
    path.write_bytes(content)
    result = run(str(path))
    assert (result.exit_code, result.stderr) == (1, f"Error: {path}{words}\n")


def test_no_files():
    assert run().exit_code == 2
    assert run("/nowhere.jsonl").exit_code == 2
