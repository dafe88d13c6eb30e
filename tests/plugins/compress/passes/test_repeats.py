import pytest
from growth_kit import assert_grows_with_size_alone
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.compress.passes import Earlier, repeats

FILE = [f"def function_number_{at}(value): return value * {at} + offset" for at in range(1, 41)]
TEXT = "\n".join(FILE)
READ = Earlier('result 1 (read {"path": "a.py"})', TEXT)


def numbered(lines: list[str], start: int = 1, width: int = 6, mark: str = "\t") -> str:
    return "\n".join(f"{number:>{width}}{mark}{line}" for number, line in enumerate(lines, start))


def test_the_same_text_is_one_reference() -> None:
    made = repeats.apply(TEXT, [READ])
    assert made == '[the same as result 1 (read {"path": "a.py"}) above]'
    assert repeats.undo(made, [READ]) == TEXT


def test_the_last_of_several_equal_texts_is_named() -> None:
    later = Earlier("result 2 (read)", TEXT)
    assert repeats.apply(TEXT, [READ, later]) == "[the same as result 2 (read) above]"


def test_lines_between_the_first_and_the_last_of_a_run_are_named() -> None:
    changed = [*FILE[:20], "    something new", *FILE[21:]]
    made = repeats.apply("\n".join(changed), [READ])
    assert made is not None
    assert made.split("\n") == [
        FILE[0],
        f"[... 18 lines: the same as lines 2-19 of {READ.place} above ...]",
        FILE[19],
        "    something new",
        FILE[21],
        f"[... 17 lines: the same as lines 23-39 of {READ.place} above ...]",
        FILE[39],
    ]
    assert repeats.undo(made, [READ]) == "\n".join(changed)


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (numbered(FILE), TEXT),
        (TEXT, numbered(FILE)),
        (numbered(FILE, 13), numbered(FILE)),
        (numbered(FILE, 95), numbered(FILE)),
        (numbered(FILE, 95, 1), numbered(FILE)),
        (numbered(FILE, 3, 1, ":"), numbered(FILE, 1, 6, "\u2192")),
    ],
    ids=["numbers now", "numbers before", "moved", "to three digits", "not aligned", "other marks"],
)
def test_listings_are_compared_by_what_they_list(now: str, before: str) -> None:
    earlier = [Earlier("result 1 (view)", before)]
    text = f"{now}\nand a line at the end"
    made = repeats.apply(text, earlier)
    assert made is not None
    assert len(made) < len(text) / 3
    assert repeats.undo(made, earlier) == text


def test_a_line_that_was_moved_does_not_renumber_others() -> None:
    # Numbers that do not go on by one each are no listing.
    odd = "\n".join(f"{number * 2:>6}\t{line}" for number, line in enumerate(FILE))
    made = repeats.apply(f"{odd}\nend", [Earlier("result 1 (view)", odd)])
    assert made is not None
    assert repeats.undo(made, [Earlier("result 1 (view)", odd)]) == f"{odd}\nend"


@pytest.mark.parametrize(
    ("text", "earlier", "why"),
    [
        (TEXT, [], "nothing stands above"),
        ("short", [Earlier("result 1 (read)", "short")], "a reference would be longer"),
        ("\n".join(f"other {at}" for at in range(60)), [READ], "nothing is the same"),
        ("\n".join([*FILE[:3], "x"]), [READ], "too few lines"),
        ("\n".join(["}"] * 400), [Earlier("result 1 (read)", "\n".join(["}"] * 300))], "lines that say nothing"),
        (f"{TEXT}\n[... 3 lines: the same as lines 1-3 of x above ...]", [READ], "it holds a mark itself"),
    ],
)
def test_standing_aside(text: str, earlier: list[Earlier], why: str) -> None:
    assert repeats.apply(text, earlier) is None, why


@pytest.mark.parametrize(
    "made",
    [
        "[the same as result 9 (read) above]",
        f"{FILE[0]}\n[... 3 lines: the same as lines 1-3 of result 9 above ...]\nx",
        f"{FILE[0]}\n[... 30 lines: the same as lines 30-59 of {READ.place} above ...]\nx",
        f"[... 2 lines: the same as lines 1-2 of {READ.place} above ...]\nx",
    ],
)
def test_a_reference_that_leads_nowhere_is_told(made: str) -> None:
    assert repeats.undo(made, [READ]) is None


LINES = st.sampled_from([*FILE[:9], "    1\tx", "   12\tyy", "9:zzzz", "", "}", "[... x]"])


@given(st.lists(LINES, max_size=60), st.lists(st.lists(LINES, max_size=60), max_size=3))
def test_what_is_made_can_be_undone(lines: list[str], before: list[list[str]]) -> None:
    text = "\n".join(lines)
    earlier = [Earlier(f"result {number} (run)", "\n".join(one)) for number, one in enumerate(before)]
    made = repeats.apply(text, earlier)
    if made is not None:
        assert repeats.undo(made, earlier) == text


def test_the_work_is_bounded() -> None:
    # Ten texts of one line 5,000 times over, against a text of the same: quadratic would be minutes.
    line = "the same line over and over again"

    def work(size: int) -> None:
        earlier = [Earlier(f"result {number} (run)", "\n".join([line] * size)) for number in range(10)]
        repeats.apply("\n".join([line] * (size - 100)) + "\nend", earlier)

    assert_grows_with_size_alone(work, 1_250)


def test_lines_that_show_numbers_are_named_by_them() -> None:
    before = Earlier("result 1 (view)", f"the result of `cat -n`:\n{numbered(FILE, 100)}")
    text = f"a part of it:\n{numbered(FILE[10:35], 110)}\nend"
    made = repeats.apply(text, [before])
    assert made is not None
    assert "the same as the lines numbered 111-133 of result 1 (view) above" in made
    assert repeats.undo(made, [before]) == text


def test_numbers_that_are_shown_twice_are_not_used() -> None:
    other = [f"another line of text {at} that is as long" for at in range(1, 41)]
    before = Earlier("result 1 (run)", f"{numbered(other)}\n{numbered(FILE)}")
    text = f"{numbered(FILE)}\nend"
    made = repeats.apply(text, [before])
    assert made is not None
    assert "the same as lines 42-79 of" in made
    assert repeats.undo(made, [before]) == text


def test_many_beginnings_of_marks_in_one_line_cost_nothing() -> None:
    mark = "[... 1 lines: the same as lines 1-1 of "
    assert_grows_with_size_alone(lambda size: repeats.apply(mark * size + "\n" + "q" * 300, [READ]), 1_250)
