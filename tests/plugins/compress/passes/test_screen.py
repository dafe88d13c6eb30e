import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.compress.passes.screen import has_controls, shown


@pytest.mark.parametrize(
    ("text", "sees"),
    [
        ("plain\ntext", "plain\ntext"),
        ("\x1b[31mred\x1b[0m and \x1b[1;38;5;12mbold\x1b[m", "red and bold"),
        ("\x1b[38:2::1:2:3mx\x1b[39m", "x"),
        (" 10% (1/10)\r 50% (5/10)\r100% (10/10), done.\nnext", "100% (10/10), done.\nnext"),
        ("50% [==>  ]\r\x1b[Kok", "ok"),
        ("50% long line\rshort\x1b[K", "short"),
        ("50% long\rab", "ab% long"),
        ("fetching a\x1b[2K\x1b[1Gdone", "done"),
        ("fetching a\r\x1b[2Kdone", "done"),
        ("a: Waiting\nb: Waiting\n\x1b[2A\x1b[2Ka: Done\n\x1b[2Kb: Done\n", "a: Done\nb: Done\n"),
        ("a\nb\nc\x1b[1A\r\x1b[Jnew", "a\nnew"),
        ("one\ntwo\x1b[F\x1b[Kthree", "three\ntwo"),
        ("abc\x1b[2DX", "aXc"),
        ("abc\x1b[3CX", "abc   X"),
        ("a\x08b", "b"),
        ("\x08a\x08\x08b", "b"),
        ("b\x08bo\x08ol\x08ld", "bold"),
        ("\x1b]0;title\x07text\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "textlink"),
        ("\x1b[?25lhidden\x1b[?25h\x07", "hidden"),
        ("crlf\r\nlines\r\n", "crlf\nlines\n"),
        ("  blanks  \t \n at ends ", "  blanks\n at ends"),
        ("⠋ 1/3\r⠙ 2/3\r✔ done", "✔ done"),
    ],
)
def test_what_is_shown(text: str, sees: str) -> None:
    assert shown(text) == sees
    assert shown(sees) == sees


@pytest.mark.parametrize(
    ("text", "sees", "why"),
    [
        ("import os\rimport re\rx = 1", "import os\rimport re\rx = 1", "a file of old"),
        ("\x1b[31ma\x1b[0m\x1b[2Jb", "a\x1b[2Jb", "the whole screen"),
        ("\x1b[5;3Hx", "\x1b[5;3Hx", "a place on the screen"),
        ("a\x1b[9Ab", "a\x1b[9Ab", "above what is known"),
        ("a\x1b[Bb", "a\x1b[Bb", "below what is known"),
        ("a\x1b[9999Cb", "a\x1b[9999Cb", "too far"),
        ("\x1b[?1049hmenu", "\x1b[?1049hmenu", "the other screen"),
        ("中文 50%\rab", "中文 50%\rab", "wide characters written over"),
        ("a\t50%\rab", "a\t50%\rab", "a tab written over"),
        ("a\x1bZb", "a\x1bZb", "unknown"),
        ("a\x1b[1Kb", "a\x1b[1Kb", "erasing to the left"),
    ],
)
def test_only_colours_go_where_the_rest_is_not_known(text: str, sees: str, why: str) -> None:
    assert shown(text) == sees, why


@pytest.mark.parametrize(
    ("text", "has"), [("a\nb", False), ("a\r\nb\r", False), ("a\rb", True), ("\x1b[m", True), ("a\x08", True)]
)
def test_has_controls(text: str, has: bool) -> None:
    assert has_controls(text) is has


def on_a_grid(text: str) -> str:
    """The same by a grid of single characters."""
    grid: dict[tuple[int, int], str] = {}
    row = column = rows = 0
    index = 0
    while index < len(text):
        rest = text[index:]
        if rest.startswith(("\x1b[K", "\x1b[2K")):
            for place in [place for place in grid if place[0] == row and (rest[2] == "2" or place[1] >= column)]:
                del grid[place]
            index += 3 if rest[2] == "K" else 4
        elif rest.startswith(("\x1b[A", "\x1b[B")):
            row += 1 if rest[2] == "B" else -1
            assert 0 <= row <= rows
            index += 3
        else:
            if rest[0] == "\n":
                row, column = row + 1, 0
                rows = max(rows, row)
            elif rest[0] == "\r":
                column = 0
            elif rest[0] == "\x08":
                column = max(0, column - 1)
            else:
                grid[row, column] = rest[0]
                column += 1
            index += 1
    width = max((column for _, column in grid), default=-1) + 1
    return "\n".join("".join(grid.get((r, c), " ") for c in range(width)).rstrip() for r in range(rows + 1))


@given(
    st.lists(st.sampled_from(["a", "bc", " ", "\n", "\r", "\x08", "\x1b[K", "\x1b[2K", "\x1b[A", "\x1b[B", "\x1b[1m"]))
)
def test_like_a_grid_of_characters(pieces: list[str]) -> None:
    text = "".join(["\x1b[m", *pieces])
    made = shown(text)
    if "\x1b" in made:
        with pytest.raises(AssertionError):
            on_a_grid(text.replace("\x1b[1m", "").replace("\x1b[m", ""))
        return
    assert made == on_a_grid(text.replace("\x1b[1m", "").replace("\x1b[m", ""))


@given(st.text(st.sampled_from("a \t\r\n\x08\x1b[;?0123456789mKJHAB]\x07\\中⠋%/")))
def test_never_fails_and_never_grows(text: str) -> None:
    assert len(shown(text)) <= len(text) + 300 * text.count("\x1b")


@pytest.mark.parametrize(
    "unit",
    [
        "\r",
        "\rx",
        "x\r",
        "\x1b",
        "\x1b[",
        "\x1b[A",
        "\x1b[300Cx\x1b[2K",
        "\x1b]",
        "1",
        "1/",
        " ",
        "-",
        "a\x08",
        "\x1b[1m",
        "\n",
        "\r\n",
        "50%\r",
        "\t",
    ],
)
def test_time_grows_with_the_size_alone(unit: str) -> None:
    def took(times: int) -> float:
        text = unit * times + "x"
        started = time.perf_counter()
        shown(text)
        has_controls(text)
        return time.perf_counter() - started

    took(2_000)
    small = max(min(took(20_000) for _ in range(3)), 0.005)
    # Quadratic time would take 100 times as long.
    assert took(200_000) < 40 * small
