import fnmatch
import re

import pytest
from cache_kit import NOW, entry
from hypothesis import given
from hypothesis import strategies as st

from tailrace.cache.selector import Selector, fits_glob

ONE = entry("k1", tags=("red", "blue"), model="gpt-4o", tenant="alice", question="How do I get a\nrefund?")
LATER = NOW + 100


@pytest.mark.parametrize(
    ("parts", "fits"),
    [
        ({}, False),
        ({"cache": "exact_cache"}, False),
        ({"everything": True}, True),
        ({"everything": True, "cache": "semantic_cache"}, False),
        ({"everything": True, "model": "other"}, False),
        ({"key": "k1"}, True),
        ({"key": "k"}, False),
        ({"tag": "blue"}, True),
        ({"tag": "blu"}, False),
        ({"model": "gpt-4o"}, True),
        ({"model": "gpt-*"}, False),
        ({"tenant": "alice"}, True),
        ({"tenant": ""}, False),
        ({"question": "*refund*"}, True),
        ({"question": "*Refund*"}, False),
        ({"question": "How*a?refund?"}, True),
        ({"question": "refund"}, False),
        ({"question": ""}, False),
        ({"question": "*"}, True),
        ({"older_than_s": 99.9}, True),
        ({"older_than_s": 100}, False),
        ({"older_than_s": 0}, True),
        ({"tag": "red", "tenant": "alice", "older_than_s": 5}, True),
        ({"tag": "red", "tenant": "bob", "older_than_s": 5}, False),
    ],
)
def test_what_is_meant(parts, fits):
    assert Selector(**parts).fits(ONE, LATER) is fits
    assert Selector(**parts).says_something is bool(parts.keys() - {"cache"})


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("**", "ab", True),
        ("?", "", False),
        ("?", "é", True),
        ("a*b*c", "a--b--b--c", True),
        ("a*b*c", "a--c--b", False),
        ("*.py", "x.py.pyc", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("*a", "aaab", False),
        ("a?*", "a", False),
        ("\\*", "*", False),
    ],
)
def test_patterns(pattern, text, fits):
    assert fits_glob(pattern, text) is fits


@given(st.text("ab*?\n", max_size=8), st.text("ab*\n", max_size=10))
def test_patterns_like_a_regular_expression(pattern, text):
    spelled = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    assert fits_glob(pattern, text) is bool(re.fullmatch(spelled, text, re.DOTALL))


def test_many_stars_take_no_longer():
    assert not fits_glob("*a" * 200 + "b", "a" * 2000)


def test_a_hashed_tenant_is_found_by_what_the_log_shows_of_it():
    one = entry(tenant="0123456789abcdef")
    assert Selector(tenant="01234567").fits(one, NOW) and not Selector(tenant="0123456").fits(one, NOW)
    assert not Selector(tenant="89abcdef").fits(one, NOW)


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_stars_fit_as_file_names_do(pattern, text):
    assert fits_glob(pattern, text) == fnmatch.fnmatchcase(text, pattern)
