import re

import pytest

from tailrace_plugins.compress.passes import long_results

LINES = [f"line {number} says nothing of interest" for number in range(1_000)]


def test_head_tail_and_what_matters_between() -> None:
    lines = list(LINES)
    lines[500] = "ValueError: bad thing"
    lines[700] = "the file src/app/models.py is here"
    text = "\n".join(lines)
    made = long_results.apply(text, '{"path": "src/app/models.py", "n": 3}', 4_000)
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
    made = long_results.apply("\n".join(LINES), arguments, 4_000)
    assert made is not None
    assert made.count("left out]") == 1


def test_standing_aside() -> None:
    assert long_results.apply("short", "{}", 100) is None
    assert long_results.apply("x" * 5_000, "{}", 100) is None, "one line may be one value"
