import re

import pytest

from tailrace_plugins.compress.passes import long_results
from tailrace_plugins.compress.passes.marks import marked

LINES = [f"line {number} says nothing of interest" for number in range(1_000)]


def applied(text: str, arguments: str, most: int, id_: str = "") -> str | None:
    lines = text.split("\n")
    fine = [False] * len(lines)
    cut = long_results.cut(lines, arguments, most, fine)
    return marked(lines, fine, cut, id_) if any(cut) else None


def test_head_tail_and_what_matters_between() -> None:
    lines = list(LINES)
    lines[500] = "ValueError: bad thing"
    lines[700] = "the file src/app/models.py is here"
    text = "\n".join(lines)
    made = applied(text, '{"path": "src/app/models.py", "n": 3}', 4_000)
    assert made is not None
    assert len(made) < 4_500
    for index in (0, 1, 499, 500, 501, 699, 700, 701, 998, 999):
        assert lines[index] in made.split("\n")
    gaps = re.findall(r"\[\.\.\. (\d+) lines \((\d+) characters\) left out\]", made)
    marks = sum(len(mark) + 1 for mark in re.findall(r"\[\.\.\. .*? left out\]", made))
    assert sum(int(lines) for lines, _ in gaps) == 1_000 - (len(made.split("\n")) - len(gaps))
    assert sum(int(characters) for _, characters in gaps) == len(text) - (len(made) - marks)


@pytest.mark.parametrize("arguments", ["", "not json", "{}", '{"a": 1}', '["."]'])
def test_arguments_that_say_nothing(arguments: str) -> None:
    made = applied("\n".join(LINES), arguments, 4_000)
    assert made is not None
    assert made.count("left out]") == 1


def test_standing_aside() -> None:
    assert applied("short", "{}", 100) is None
    assert applied("x" * 5_000, "{}", 100) is None, "one line may be one value"


def test_with_an_id_a_mark_says_what_to_ask_for() -> None:
    made = applied("\n".join(LINES), "{}", 4_000, "k3f9")
    assert made is not None
    (first, last) = re.findall(r"left out: lines (\d+)-(\d+) of k3f9\]", made)[0]
    kept = made.split("\n")
    at = next(index for index, line in enumerate(kept) if "left out" in line)
    assert kept[at - 1] == LINES[int(first) - 2] and kept[at + 1] == LINES[int(last)]


def test_what_is_left_out_already_takes_no_room() -> None:
    out = [index >= 40 for index in range(len(LINES))]
    assert not any(long_results.cut(LINES, "{}", 4_000, out))
