import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_plugins.compress.passes import headings

HITS = "src/a.py:1:import os\nsrc/a.py:20:    os.environ\nsrc/b.py:3:import os\nsrc/b.py:4:x: y"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (HITS, "src/a.py\n1:import os\n20:    os.environ\nsrc/b.py\n3:import os\n4:x: y"),
        ("found:\n" + HITS + "\n", "found:\nsrc/a.py\n1:import os\n20:    os.environ\nsrc/b.py\n3:import os\n4:x: y\n"),
        ("a.py:1:x\nb.py:1:x\nb.py:2:x", "a.py:1:x\nb.py\n1:x\n2:x"),
        ("a.py:2:x\na.py-3-y\n--\na.py-8-z\na.py:9:x\n", "a.py\n2:x\n3-y\n--\n8-z\n9:x\n"),
        ("lib/a.c:1:5: error: x\nlib/a.c:2:5: error: y", "lib/a.c\n1:5: error: x\n2:5: error: y"),
    ],
)
def test_headings(text: str, made: str) -> None:
    assert headings.apply(text) == made
    assert headings.undo(made) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("src/a.py:1:x", "one line"),
        ("src/a.py:1:x\nsrc/b.py:1:x", "each path once"),
        ("12:30:45 start\n12:30:46 end", "times"),
        ("2024-05-01T12:30:45 a\n2024-05-01T12:30:46 b", "times"),
        ("10.0.0.1:80: a\n10.0.0.1:80: b", "addresses"),
        (HITS + "\n7: a line of its own", "a line like those under headings"),
        ("C:\\x.py:1:a\nC:\\x.py:2:b", "drive letters"),
        ("key: 1: a\nkey: 1: b", "blanks"),
    ],
)
def test_standing_aside(text: str, why: str) -> None:
    assert headings.apply(text) is None, why


LINES = st.sampled_from(
    ["a.py:1:x", "a.py:2:y", "a.py-3-z", "--", "b/c:4:x", "b/c-5-y", "a.py", "text", "", "9", "a.py:x", "b/c:6:7:8"]
)


@given(st.lists(LINES, max_size=14))
def test_what_is_made_can_be_undone(lines: list[str]) -> None:
    text = "\n".join(lines)
    made = headings.apply(text)
    if made is not None:
        assert len(made) < len(text)
        assert headings.undo(made) == text
