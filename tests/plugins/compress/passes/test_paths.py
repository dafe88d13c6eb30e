import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.compress.passes import paths

FOUND = "./src/a.py\n./src/b.py\n./src/c/\n./tests/test_a.py"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (FOUND, "./src/\n a.py\n b.py\n c/\n./tests/test_a.py"),
        (f"total 4\n{FOUND}\n\nexit code 0", "total 4\n./src/\n a.py\n b.py\n c/\n./tests/test_a.py\n\nexit code 0"),
        ("/x/y/a\n/x/y/b\n/x/y/c\n/z/w/a\n/z/w/b\n/z/w/c", "/x/y/\n a\n b\n c\n/z/w/\n a\n b\n c"),
    ],
)
def test_paths(text: str, made: str) -> None:
    assert paths.apply(text) == made
    assert paths.undo(made) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("src/a.py\nsrc/b.py", "two paths"),
        ("src/a.py\nlib/b.py\nsrc/c.py\nlib/d.py", "no folder twice in a row"),
        ("a b/c\na b/d\na b/e", "blanks"),
        ("1/2\n1/3\n1/4", "fractions"),
        ("https://x.org/a\nhttps://x.org/b\nhttps://x.org/c", "addresses"),
        (f"src/\n indented\n{FOUND}", "a line that looks like a heading"),
    ],
)
def test_standing_aside(text: str, why: str) -> None:
    assert paths.apply(text) is None, why


@given(
    st.lists(st.sampled_from(["src/a.py", "src/b.py", "src/", " a.py", "", "./x/y/z", "text", "./x/y/"]), max_size=14)
)
def test_what_is_made_can_be_undone(lines: list[str]) -> None:
    text = "\n".join(lines)
    made = paths.apply(text)
    if made is not None:
        assert paths.undo(made) == text
