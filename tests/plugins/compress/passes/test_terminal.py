import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.compress.passes import terminal
from tailrace_plugins.compress.passes.terminal import fold, unfold


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("\x1b[32mok\x1b[0m\nError: x\n", "ok\nError: x\n"),
        ("10%\r90%\rdone\n", "done\n"),
        (
            "\x1b[1m" + "retrying the call\n" * 3 + "gave up\x1b[0m",
            "retrying the call\n[... the line above 2 times more]\ngave up",
        ),
        (
            "start\n" + "waiting for server\n" * 9 + "up",
            "start\nwaiting for server\n[... the line above 8 times more]\nup",
        ),
    ],
)
def test_made_shorter(text: str, made: str) -> None:
    assert terminal.apply(text) == made


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("waiting\n" * 7, "seven lines may be meant"),
        ("a,1,2,3\n" * 20, "a table of a file"),
        ("0x00, 0x00, 0x00\n" * 20, "numbers in a source file"),
        ("    pass\n" * 20, "indented"),
        ("+ added line\n" * 20, "a diff"),
        ("diff --git a/x b/x\n" + "some text\n" * 20, "a diff"),
        ("```\n" + "some text\n" * 20 + "```", "a fenced block"),
        ("| a | b |\n" * 20, "a Markdown table"),
        ("A" * 64 + "\n" + ("A" * 64 + "\n") * 20, "base64"),
        ("\n" * 50, "empty lines"),
        ("----\n" * 20, "rules"),
        ("same line\n" * 20 + "[... the line above 3 times more]\n", "the mark is there already"),
        ("\x1b[1mbold\x1b[m\n[... the line above 3 times more]  \n", "the mark is there already"),
        ("crlf\r\n" * 5, "lines of Windows"),
        ("no terminal\n", "no sign of one"),
    ],
)
def test_standing_aside(text: str, why: str) -> None:
    assert terminal.apply(text) is None, why


@given(
    st.lists(
        st.sampled_from(["a line", "another", "", "  indented", "[... the line above 2 times more]", "x,y,z", "[... "]),
        max_size=30,
    )
)
def test_what_is_folded_can_be_undone(lines: list[str]) -> None:
    text = "\n".join(lines)
    folded = fold(text, 2)
    if folded != text:
        assert unfold(folded) == text


@pytest.mark.parametrize("unit", ["a line\n", "a", "a,", "[... the line above 2 times more", "\n", " "])
def test_time_grows_with_the_size_alone(unit: str) -> None:
    def took(times: int) -> float:
        text = unit * times
        started = time.perf_counter()
        terminal.apply(text)
        return time.perf_counter() - started

    took(2_000)
    small = max(min(took(20_000) for _ in range(3)), 0.005)
    assert took(200_000) < 40 * small
