"""Words of one family: a noun, a quality and a deed of one stem, as in "safe", "safely", "safety"."""

from typing import Final

_ENDINGS: Final = (
    *(
        ("", "ly"),
        ("e", "ly"),
        ("y", "ily"),
        ("", "y"),
        ("e", "y"),
        ("", "al"),
        ("", "ful"),
        ("", "ness"),
        ("y", "iness"),
    ),
    *(("", "ment"), ("", "ation"), ("e", "ation"), ("", "ion"), ("e", "ion"), ("", "er"), ("e", "er"), ("t", "sion")),
    *(("d", "sion"), ("e", "al"), ("", "ance"), ("", "ence"), ("e", "ance"), ("nt", "nce"), ("ize", "ization")),
    *(("y", "ication"), ("", "ing"), ("e", "ing"), ("e", "ure"), ("y", "ied"), ("", "ed"), ("e", "ed"), ("c", "cal")),
)
"""How a noun, a quality and a deed of one stem differ: "safe", "safely"; "reject", "rejection"."""


def derived(one: str, other: str) -> bool:
    """Whether two lemmas share their stem and differ by an ending that changes the part of speech alone."""
    if min(len(one), len(other)) < 4 or one[:3] != other[:3]:
        return False
    return any(
        a.endswith(bare) and a[: len(a) - len(bare)] + ending == b
        for a, b in ((one, other), (other, one))
        for bare, ending in _ENDINGS
        if len(a) - len(bare) >= 3
    )
