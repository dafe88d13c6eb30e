"""Slips of spelling, and words that are merely near each other."""

import pytest

from tailrace_plugins.semantic_cache.verifier.slips import known, slip
from tailrace_plugins.semantic_cache.verifier.words import Word


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("donwload", "download", True),
        ("sumarize", "summarize", True),
        ("casual", "causal", False),
        ("grafana", "grafama", False),
        ("form", "from", False),
        ("import", "export", False),
    ],
)
def test_slip(one: str, other: str, expected: bool) -> None:
    assert slip(Word(one, raw=one), Word(other, raw=other), "en") is expected
    assert slip(Word(other, raw=other), Word(one, raw=one), "en") is expected


def test_names_are_never_slips() -> None:
    assert not slip(Word("donwload", raw="donwload", capital=True), Word("download", raw="download"), "en")


def test_known_words() -> None:
    assert "download" in known("en") and "donwload" not in known("en")
