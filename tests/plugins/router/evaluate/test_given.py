from pathlib import Path

import click
import pytest

from tailrace.wire.conversation import Conversation, Turn
from tailrace_plugins.router.evaluate import embedding, given
from tailrace_plugins.router.evaluate.outcomes import BadOutcomes, Row

ROWS = [Row(Conversation((Turn("user", text),)), 0.0, 1.0) for text in ("a", "b")]


def test_mistakes_of_files(tmp_path):
    assert given.told(lambda file: file.name, tmp_path) == tmp_path.name
    with pytest.raises(click.ClickException, match="Is a directory"):
        given.told(Path.read_bytes, tmp_path)
    with pytest.raises(click.ClickException, match="No such file"):
        given.told(Path.read_bytes, tmp_path / "nowhere")

    def bad(file):
        raise BadOutcomes("own.jsonl:3: no")

    with pytest.raises(click.ClickException, match="own.jsonl:3: no"):
        given.told(bad, tmp_path)


def fails(texts, tell):
    raise embedding.NotReady("no model")


@pytest.mark.parametrize(
    ("wanted", "installed", "embed", "expected"),
    [
        (False, True, None, ([None, None], "without embeddings")),
        (True, False, None, ([None, None], "without embeddings: they need pip install 'tailrace[semantic]'")),
        (True, True, fails, ([None, None], "without embeddings: no model")),
        (True, True, lambda texts, tell: [text.encode() for text in texts], ([b"a", b"b"], "with embeddings")),
        (
            True,
            True,
            lambda texts, tell: [b"a", None],
            ([b"a", None], "with embeddings (1 questions have none, as in the proxy)"),
        ),
    ],
)
def test_vectors(monkeypatch, wanted, installed, embed, expected):
    monkeypatch.setattr(embedding, "is_installed", lambda: installed)
    monkeypatch.setattr(embedding, "embed", embed)
    assert given.vectors_of(ROWS, wanted) == expected
