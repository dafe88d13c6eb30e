import pytest

from tailrace_plugins.router.features.shape import measure

CHOICE = "which of these is a prime?\na. 4\nb. 7\nc. 9\nd. 12\nanswer:"


def test_options_and_their_length() -> None:
    found = measure(CHOICE, set())
    assert found["options"] == 4
    assert found["option_chars"] == pytest.approx(5 / 4)
    assert found["parts"] == 0


@pytest.mark.parametrize(
    "form", ["a) one\nb) two\nc) three", "(a) one\n(b) two\n(c) three", "a. one\nb. two\nc. three"]
)
def test_options_in_other_forms(form: str) -> None:
    assert measure(form, set())["options"] == 3


@pytest.mark.parametrize(
    "text",
    [
        "async with a.lock:\n    async with b.lock:\n        a.seats -= 1\n        b.seats += 1",
        "a.b()\nb.c()",
        "c. third\nd. fourth",
        "e.g. this\nf. that",
    ],
)
def test_what_only_looks_like_options(text: str) -> None:
    assert measure(text, set())["options"] == 0


@pytest.mark.parametrize(
    ("text", "name", "count"),
    [
        ("1. do this\n2. do that\n3) and this", "parts", 3),
        ("- one\n- two\n* three", "parts", 3),
        ("i. first\nii. second", "statements", 2),
        ("statement 1 | a. statement 2 | b.", "statements", 2),
        ("the ___ is ______", "blanks", 3),
        ("look into src/a.py, b.ts and src/a.py", "files", 2),
        ("see example.com or v1.2", "files", 0),
        ("one\ntwo\nthree", "lines", 2),
    ],
)
def test_counts(text: str, name: str, count: int) -> None:
    assert measure(text, set())[name] == count


def test_forms_of_answer() -> None:
    assert measure("answer in json, as one word", {"answer", "json"})["format"] == 2


@pytest.mark.parametrize("text", ["", "\n" * 5_000, "a." * 3_000, ".py" * 1_000, "\ud800\n-", "((((", "1" * 3_000])
def test_nothing_is_too_strange(text: str) -> None:
    assert all(value >= 0 for value in measure(text, set()).values())
