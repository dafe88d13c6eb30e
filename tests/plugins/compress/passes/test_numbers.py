import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.compress.passes import numbers

CODE = [f"    value_{at} = {at}" for at in range(40)]


def numbered(lines: list[str], start: int = 1, width: int = 0, mark: str = "\t") -> str:
    return "\n".join(f"{number:>{width}}{mark}{line}" for number, line in enumerate(lines, start))


@pytest.mark.parametrize(("start", "width", "mark"), [(1, 0, "\t"), (1, 6, "\t"), (98, 0, "\t"), (3, 5, "\u2192")])
def test_every_fifth_number_stays(start: int, width: int, mark: str) -> None:
    text = f"/src/a.py\n{numbered(CODE, start, width, mark)}\nend"
    made = numbers.apply(text)
    assert made is not None
    assert made.count(mark) < text.count(mark) / 3
    assert numbers.undo(made) == text


def test_the_first_and_last_line_keep_theirs() -> None:
    made = numbers.apply(numbered(CODE[:32], 2))
    assert made is not None
    assert [line for line in made.split("\n") if "\t" in line] == [
        f"2\t{CODE[0]}",
        f"5\t{CODE[3]}",
        *(f"{at}\t{CODE[at - 2]}" for at in (10, 15, 20, 25, 30)),
        f"33\t{CODE[31]}",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\n".join(CODE), "no listing"),
        (numbered(CODE[:19]), "too short"),
        (numbered([*CODE[:6], "7\tx", *CODE[7:]]), "a line that begins with a number itself"),
        ("\n".join(f"{at * 2}\tx" for at in range(30)), "numbers that do not follow"),
    ],
)
def test_standing_aside(text: str, why: str) -> None:
    assert numbers.apply(text) is None, why


@given(st.lists(st.sampled_from(["x", "", "  y", "3\tz", "12\u2192"]), min_size=18, max_size=60), st.integers(0, 120))
def test_what_is_made_can_be_undone(lines: list[str], start: int) -> None:
    text = numbered(lines, start)
    made = numbers.apply(text)
    if made is not None:
        assert numbers.undo(made) == text
    assert numbers.undo(text) == text
