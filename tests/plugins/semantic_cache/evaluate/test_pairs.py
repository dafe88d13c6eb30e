import pytest

from tailrace.wire import jsonio
from tailrace_plugins.semantic_cache.evaluate.pairs import BadPairs, Pair, Result, by_kind, read_pairs, summary


def result(should_hit, hit, kind="k", ms=1.0):
    return Result(Pair("a", "b", should_hit, kind), hit, "", None, ms / 1000)


def test_the_figures_are_what_they_say():
    results = [result(True, True)] * 3 + [result(True, False)] + [result(False, True)] + [result(False, False)] * 5
    assert summary(results) == {
        "pairs": 10,
        "should_hit": 4,
        "hits": 4,
        "precision": 0.75,
        "recall": 0.75,
        "false_hits": 1,
        "false_hit_rate": 0.1667,
        "p50_ms": 1.0,
        "p95_ms": 1.0,
    }


def test_a_rate_of_nothing_is_null():
    told = summary([result(False, False)])
    assert told["precision"] is None and told["recall"] is None and told["false_hit_rate"] == 0.0
    assert summary([])["p50_ms"] is None


def test_percentiles_are_times_that_were_measured():
    told = summary([result(True, True, ms=number) for number in range(1, 101)])
    assert (told["p50_ms"], told["p95_ms"]) == (51.0, 96.0)


def test_kinds_are_kept_apart():
    assert [
        (kind, len(rows)) for kind, rows in by_kind([result(True, True, "b"), result(True, True, "a")]).items()
    ] == [
        ("a", 1),
        ("b", 1),
    ]


def test_rows_are_read(tmp_path):
    file = tmp_path / "p.jsonl"
    file.write_bytes(jsonio.dumps({"a": "x", "b": "y", "should_hit": True, "kind": "k", "more": 1}) + b"\r\n\n")
    assert read_pairs(file) == [Pair("x", "y", True, "k")]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "2: no JSON object"),
        ("[]", "2: no JSON object"),
        ('{"a": "x", "b": "y"}', "2: 'should_hit' must be true or false"),
        ('{"a": "x", "b": 1, "should_hit": true}', "2: 'b' must be a text"),
        ('{"a": "x", "b": "y", "should_hit": 1}', "2: 'should_hit' must be true or false"),
    ],
)
def test_a_mistake_is_shown_with_its_line(tmp_path, line, told):
    file = tmp_path / "p.jsonl"
    file.write_text(f'{{"a": "x", "b": "y", "should_hit": true}}\n{line}\n')
    with pytest.raises(BadPairs, match=told):
        read_pairs(file)
