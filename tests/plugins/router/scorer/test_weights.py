from pathlib import Path
from typing import Any

import pytest

from tailrace.wire import jsonio
from tailrace_plugins.router.scorer import WeightsError
from tailrace_plugins.router.scorer.heads import EMBEDDING_SIZE
from tailrace_plugins.router.scorer.terms import EASIER, HARDER
from tailrace_plugins.router.scorer.weights import FORMAT, VERSION, load, parse, shipped

HEAD: dict[str, Any] = {"bias": 1, "terms": {"length": -0.5}, "choice": {}}
CURVE = [[0.0, 0.2], [1.0, 1.0]]
FILE: dict[str, Any] = {"format": FORMAT, "version": VERSION, "heads": {"learned": HEAD}, "curves": {"learned": CURVE}}


def text(**changes: Any) -> bytes:
    return jsonio.dumps({**FILE, **changes})


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    path.write_bytes(text(statement={"seed": 1}, scale={"length": 0.7}))
    found = load(path)
    assert found.heads["learned"].terms == {"length": -0.5}
    assert found.curves["learned"] == ((0.0, 0.2), (1.0, 1.0))
    assert found.statement == {"seed": 1}
    assert found.scale == {"length": 0.7}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no JSON object"),
        (b"[]", "no JSON object"),
        (b"{}", "no weights of the router"),
        (text(version=99), "version 99 where"),
        (text(heads=None), "'heads' and 'curves'"),
        (text(heads={}), "'heads' and 'curves'"),
        (text(heads={"guess": HEAD}), "unknown mode 'guess'"),
        (text(heads={"learned": 3}), "a head must be an object"),
        (text(heads={"learned": {**HEAD, "bias": True}}), "'bias' must be a number"),
        (text(heads={"learned": {**HEAD, "terms": {"length": "long"}}}), "'terms' must be an object of numbers"),
        (text(heads={"learned": {**HEAD, "choice": []}}), "'choice' must be an object of numbers"),
        (text(heads={"learned": {**HEAD, "vector": [1.0]}}), "'vector' has 1 numbers where 0 belong"),
        (text(heads={"learned+embedding": HEAD}), f"'vector' has 0 numbers where {EMBEDDING_SIZE} belong"),
        (text(curves={}), "its curve must be a list"),
        (text(curves={"learned": [[0, 0.5], [1, 0.1]]}), "its curve must rise"),
        (text(curves={"learned": [[0, "x"]]}), "its curve must be a list of pairs"),
    ],
)
def test_what_is_no_file_of_weights_is_told(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=words.replace("[", r"\[")):
        parse(data)
    path = tmp_path / "weights.json"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="weights.json: "):
        load(path)


def test_a_file_that_is_not_there_or_far_too_large(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="none.json: No such file"):
        load(tmp_path / "none.json")
    large = tmp_path / "large.json"
    large.write_bytes(b" " * 4_000_001)
    with pytest.raises(WeightsError, match="larger than weights are"):
        load(large)


@pytest.mark.parametrize(("mode", "heads"), [("rules", {"rules"}), ("learned", {"learned", "learned+embedding"})])
def test_the_shipped_files_are_whole_and_say_what_they_are_from(mode: str, heads: set[str]) -> None:
    found = shipped(mode)
    assert set(found.heads) == set(found.curves) == heads
    assert {"sources", "rows", "seed", "made", "scikit_learn", "apgr", "made_by"} <= set(found.statement)


def test_the_shipped_rules_are_round_and_speak_as_their_names_say() -> None:
    head = shipped("rules").heads["rules"]
    for name, weight in head.terms.items():
        assert weight == pytest.approx(round(weight * 20) / 20), name
        assert weight < 0 or name not in HARDER, name
        assert weight > 0 or name not in EASIER, name
