import gzip

import pytest

from tailrace.wire import jsonio
from tailrace_plugins.router.evaluate.outcomes import BadOutcomes, read_lines, read_outcomes

DONE = {"weak_correct": False, "strong_correct": True}


@pytest.fixture
def read(tmp_path):
    def made(*lines):
        file = tmp_path / "outcomes.jsonl"
        file.write_bytes(b"\n".join(line if isinstance(line, bytes) else jsonio.dumps(line) for line in lines))
        return read_outcomes(file)

    return made


def user(text):
    return {"role": "user", "content": text}


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ({"prompt": "2+2?"}, ["2+2?"]),
        ({"prompt": ""}, [""]),
        ({"turns": ["Write.", "Rewrite."]}, ["Write."]),
        ({"messages": [user("a"), {"role": "assistant", "content": "b"}, user("c")]}, ["a", "b", "c"]),
        ({"request": {"messages": [user("a")], "tools": []}}, ["a"]),
        ({"request": {"system": "s", "messages": [user("a")]}}, ["s", "a"]),
        ({"request": {"input": "a", "instructions": "s"}}, ["s", "a"]),
        ({"request": {"prompt": "a"}}, ["a"]),
        ({"prompt": "2+2?", "id": "x", "weak_response": "5", "whatever": [1]}, ["2+2?"]),
    ],
)
def test_what_was_asked(read, given, texts):
    (row,) = read({**given, **DONE}).rows
    assert [turn.text for turn in row.conversation.turns] == texts
    assert row.chars == sum(map(len, texts))


@pytest.mark.parametrize(
    ("given", "weak", "strong"),
    [
        ({"weak_correct": False, "strong_correct": True}, 0.0, 1.0),
        ({"weak_correct": 0.25, "strong_correct": 1}, 0.25, 1.0),
        ({"weak_scores": {"1": 10, "2": 9.0}, "strong_scores": {"1": 10}}, 9.5, 10.0),
        ({"weak_correct": 1, "strong_scores": {"1": 0.5}}, 1.0, 0.5),
    ],
)
def test_outcomes(read, given, weak, strong):
    (row,) = read({"prompt": "a", **given}).rows
    assert (row.weak, row.strong) == (weak, strong)


def test_costs_and_domain(read):
    costs = {"weak_cost_usd": 0.001, "strong_cost_usd": 0.02, "domain": "law"}
    (row,) = read({"prompt": "a", **DONE, **costs}).rows
    assert (row.weak_cost_usd, row.strong_cost_usd, row.domain) == (0.001, 0.02, "law")
    (row,) = read({"prompt": "a", **DONE, "weak_cost_usd": None, "domain": None}).rows
    assert (row.weak_cost_usd, row.strong_cost_usd, row.domain) == (None, None, "")


def test_contaminated_rows_are_dropped_and_counted(read):
    found = read({"prompt": "a", **DONE}, {"contaminated": True}, {"prompt": "b", **DONE, "contaminated": False})
    assert (len(found.rows), found.contaminated) == (2, 1)


def test_blank_lines_and_any_line_ends(read):
    assert len(read(b"", jsonio.dumps({"prompt": "a", **DONE}) + b"\r", b"  ", {"prompt": "b", **DONE}, b"").rows) == 2


def test_gzip(tmp_path):
    file = tmp_path / "outcomes.jsonl.gz"
    file.write_bytes(gzip.compress(jsonio.dumps({"prompt": "a", **DONE})))
    assert len(read_outcomes(file).rows) == 1


@pytest.mark.parametrize("cut", [1, 12, -4])
def test_a_gzip_file_that_was_cut(tmp_path, cut):
    file = tmp_path / "outcomes.jsonl.gz"
    file.write_bytes(b"\x1f\x8b" + gzip.compress(b"{}" * 100)[2:][:cut])
    with pytest.raises(BadOutcomes, match="not a whole gzip file"):
        read_outcomes(file)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"nope", "no JSON object (invalid literal"),
        (b"[1]", "the top level must be an object"),
        (b'{"prompt": "\xff"}', "no JSON object"),
        ({**DONE}, "needs one of 'prompt', 'turns', 'messages' and 'request'"),
        ({"promt": "a", **DONE}, "(there is 'promt'; did you mean 'prompt'?)"),
        ({"prompt": 3, **DONE}, "'prompt' must be a text"),
        ({"turns": [], **DONE}, "'turns' must be a list of texts"),
        ({"messages": "hi", **DONE}, "'messages' must be a list of messages"),
        ({"request": {"model": "x"}, **DONE}, "'request' must be a request body with messages"),
        ({"request": [], **DONE}, "'request' must be a request body with messages"),
        ({"prompt": "a", "strong_correct": True}, "needs 'weak_correct' or 'weak_scores'"),
        ({"prompt": "a", "weak_corect": True, "strong_correct": True}, "did you mean 'weak_correct'?"),
        ({"prompt": "a", "weak_correct": True, "Strong_Score": {}}, "did you mean 'strong_scores'?"),
        ({"prompt": "a", "WEAK_CORRECT": True}, "did you mean 'weak_correct'?"),
        (
            {"prompt": "a", "weak_correct": "yes", "strong_correct": True},
            "'weak_correct' must be true, false or a number",
        ),
        ({"prompt": "a", "weak_scores": [1], "strong_correct": True}, "'weak_scores' must be an object of numbers"),
        ({"prompt": "a", "weak_scores": {"1": "x"}, "strong_correct": 1}, "'weak_scores' must be an object of numbers"),
        ({"prompt": "a", "weak_scores": {}, "strong_correct": 1}, "'weak_scores' must be an object of numbers"),
        ({"prompt": "a", **DONE, "weak_cost_usd": "cheap"}, "'weak_cost_usd' must be dollars, 0 or more"),
        ({"prompt": "a", **DONE, "strong_cost_usd": -1}, "'strong_cost_usd' must be dollars, 0 or more"),
        ({"prompt": "a", **DONE, "strong_cost_usd": True}, "'strong_cost_usd' must be dollars, 0 or more"),
    ],
)
def test_mistakes_are_told_with_their_line(read, line, words):
    with pytest.raises(BadOutcomes) as caught:
        read({"prompt": "a", **DONE}, b"", line)
    assert words in str(caught.value)
    assert "outcomes.jsonl:3: " in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "words"), [([], "no rows"), ([{"contaminated": True}], "no rows (1 contaminated ones dropped)")]
)
def test_a_file_of_nothing(read, lines, words):
    with pytest.raises(BadOutcomes) as caught:
        read(*lines)
    assert str(caught.value).endswith(words)


def test_lines_as_they_stand_for_training(tmp_path):
    file = tmp_path / "own.part.jsonl"
    rows = [
        {"prompt": "a", **DONE, "extra": 1},
        {"prompt": "b", **DONE, "source": "theirs"},
        {"prompt": "c", "tier": "expert"},
        {"contaminated": True},
    ]
    file.write_bytes(b"\n".join(map(jsonio.dumps, rows)))
    assert read_lines(file) == [{"source": "own", **rows[0]}, rows[1], {"source": "own", **rows[2]}]


@pytest.mark.parametrize("row", [{"prompt": "a"}, {"tier": "expert"}])
def test_lines_are_checked_too(tmp_path, row):
    file = tmp_path / "own.jsonl"
    file.write_bytes(jsonio.dumps(row))
    with pytest.raises(BadOutcomes, match="own.jsonl:1: needs"):
        read_lines(file)
