"""The word lists that ship: readable, and no entry in two groups of synonyms."""

from collections import Counter
from pathlib import Path

import pytest

from tailrace_plugins.semantic_cache import verifier
from tailrace_plugins.semantic_cache.verifier import wordlists

DATA = Path(verifier.__file__).parent / "data"


def test_comments_and_blanks_are_left_out() -> None:
    assert wordlists.lines("en_nationalities") and not any(
        line.startswith("#") for line in wordlists.lines("en_frames")
    )
    assert wordlists.lines("no_such_list") == ()
    assert wordlists.mapping("en_contractions")["can't"] == "can not"
    assert "danish" in wordlists.words("en_nationalities")


@pytest.mark.parametrize("path", sorted(DATA.glob("*_same.txt")), ids=lambda path: path.name)
def test_an_entry_belongs_to_one_group(path: Path) -> None:
    entries = Counter(entry for group in wordlists.groups(path.stem) for entry in dict.fromkeys(group))
    assert [entry for entry, times in entries.items() if times > 1] == []


@pytest.mark.parametrize("path", sorted(DATA.glob("*.txt")), ids=lambda path: path.name)
def test_lists_are_lower_case(path: Path) -> None:
    if path.stem.endswith("_macros"):
        return
    assert not [line for line in wordlists.lines(path.stem) if any(char.isupper() for char in line.replace("$", ""))]
