import pytest

from tailrace_plugins.compress.passes.marks import marked

LINES = ["a", "ok 1", "ok 2", "b", "cc", "dd", "e"]
NONE = [False] * 7


def flags(*indices):
    return [index in indices for index in range(7)]


@pytest.mark.parametrize(
    ("fine", "cut", "made"),
    [
        (NONE, NONE, LINES),
        (flags(1, 2), NONE, ["a", "[... 2 lines of passing tests or finished steps left out]", *LINES[3:]]),
        (NONE, flags(4, 5), [*LINES[:4], "[... 2 lines (6 characters) left out]", "e"]),
        (NONE, flags(6), [*LINES[:6], "[... 1 lines (2 characters) left out]"]),
        (NONE, flags(*range(7)), ["[... 7 lines (22 characters) left out]"]),
        # A run of both is not said to be only passing tests.
        (flags(1, 2), flags(2, 3), ["a", "[... 3 lines (12 characters) left out]", *LINES[4:]]),
        (
            flags(1, 2),
            flags(4),
            ["a", "[... 2 lines of passing tests or finished steps left out]", "b",
             "[... 1 lines (3 characters) left out]", "dd", "e"],
        ),
    ],
)  # fmt: skip
def test_a_run_of_what_is_left_out_becomes_one_mark(fine, cut, made):
    assert marked(LINES, fine, cut) == "\n".join(made)


def test_with_an_id_the_mark_says_how_to_ask_for_it():
    text = marked(LINES, flags(1, 2), flags(4, 5), "kabc123")
    assert text.split("\n") == [
        "a",
        "[... 2 lines of passing tests or finished steps left out: lines 2-3 of kabc123]",
        "b",
        "[... 2 lines (6 characters) left out: lines 5-6 of kabc123]",
        "e",
    ]


def test_nothing_becomes_nothing():
    assert marked([], [], [], "k1") == ""
