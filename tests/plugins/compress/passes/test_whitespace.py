import time

import pytest

from tailrace_plugins.compress.passes import whitespace


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Title of it  \nText. \t\nEnd", "Title of it\nText.\nEnd"),
        ("a\n\n\n\n\n\nb", "a\n\n\nb"),
        ("a\n \n\t\n \n \nb", "a\n\n\nb"),
    ],
)
def test_made_shorter(text: str, made: str) -> None:
    assert whitespace.apply(text) == made


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a\n\nb", "nothing to drop"),
        ("a\n\n\nb", "two empty lines stay"),
        ("def f():  \n    return 1\n", "indented"),
        ("# Title  \n\ntext  \n", "Markdown"),
        ("text  \n- item  \n", "Markdown"),
        ("text\n```\nx  \n```", "Markdown"),
        ("@@ -1 +1 @@\n+x  \n", "a diff"),
        ("int x;  \nint y;", "code"),
        ("import os  \n\n\n\n\nx", "code"),
        ("     1\tx  \n     2\ty  ", "a listing"),
        ("12: x  \n", "a listing"),
        ("a \\\nb  \n", "a line that goes on"),
    ],
)
def test_standing_aside(text: str, why: str) -> None:
    assert whitespace.apply(text) is None, why


@pytest.mark.parametrize("unit", [" ", "\n", "\t\n", "a ", "1", "\r"])
def test_time_grows_with_the_size_alone(unit: str) -> None:
    def took(times: int) -> float:
        text = "a" + unit * times + "b"
        started = time.perf_counter()
        whitespace.apply(text)
        return time.perf_counter() - started

    took(2_000)
    small = max(min(took(20_000) for _ in range(3)), 0.005)
    assert took(200_000) < 40 * small
