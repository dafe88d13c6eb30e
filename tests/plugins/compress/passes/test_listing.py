import pytest

from tailrace_plugins.compress.passes import listing
from tailrace_plugins.compress.passes.listing import at_the_edge


def numbered(*numbers: int, mark: str = "\t", width: int = 6) -> str:
    return "\n".join(f"{number:{width}}{mark}    line {number}  " for number in numbers)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (numbered(1, 2, 3), numbered(1, 2, 3, width=0)),
        (numbered(9, 10, 11, mark="→", width=5), numbered(9, 10, 11, mark="→", width=0)),
        (f"Here is a.py:\n{numbered(8, 9, 10)}\n", f"Here is a.py:\n{numbered(8, 9, 10, width=0)}\n"),
        (
            f"{numbered(1, 2, 3)}\n...\n{numbered(70, 71, 72)}",
            f"{numbered(1, 2, 3, width=0)}\n...\n{numbered(70, 71, 72, width=0)}",
        ),
        (numbered(99, 100, 101, width=2), None),
        (numbered(999998, 999999, 1000000), None),
        (numbered(99998, 99999, 100000, 100001), numbered(99998, 99999, 100000, 100001, width=0)),
    ],
)
def test_numbers_at_the_edge(text: str, made: str | None) -> None:
    assert listing.apply(text) == made


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (numbered(1, 2), "too few to be sure"),
        (numbered(1, 2, 3, width=0), "nothing to drop"),
        (numbered(5, 3, 9, 1), "no listing: a column of figures"),
        (numbered(1, 2, 3) + "\n" + numbered(4, mark="→"), "two separators"),
        (numbered(1, 2, 3) + "\n" + numbered(4, width=4), "two widths"),
        (numbered(1, 2, 3) + "\n4\tx", "a line that stands at the edge already"),
        ("  1 a\n  2 b\n  3 c", "another separator"),
        ("1. a\n2. b\n3. c", "a Markdown list"),
    ],
)
def test_standing_aside(text: str, why: str) -> None:
    assert listing.apply(text) is None, why


def test_only_blanks_before_numbers_go() -> None:
    text = "  7\t  8\t9 \n\n    code\n"
    assert at_the_edge(text) == "7\t  8\t9 \n\n    code\n"
