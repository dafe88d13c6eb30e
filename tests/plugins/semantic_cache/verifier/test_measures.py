"""Measures and bounds have one form each; what is not equal stays apart."""

import pytest

from tailrace_plugins.semantic_cache.verifier.measures import unify


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("wait 90 minute", "wait 1 and a half hour"),
        ("wait to a hour", "wait to 60 minute"),
        ("half a hour", "30 minute"),
        ("2048 megabyte", "2 gigabyte"),
        ("with 10 or more items", "with at least 10 items"),
        ("no fewer than 5 replies", "at least 5 replies"),
        ("up to 900 megabyte", "at most 900 megabyte"),
        ("150 euro at most", "at most 150 euro"),
        ("over 100 euro", "more than 100 euro"),
        ("below 3 percent", "less than 3 percent"),
    ],
)
def test_one_form(one: str, other: str) -> None:
    assert unify(one.split()) == unify(other.split())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("over 100 euro", "at least 100 euro"),
        ("at least 5 items", "at most 5 items"),
        ("under 5 items", "at most 5 items"),
        ("1000 megabyte", "1 gigabyte"),
        ("30 day", "1 month"),
        ("3 times a hour", "3 times 1 hour"),
        ("61 minute", "1 hour"),
    ],
)
def test_what_is_not_equal_stays_apart(one: str, other: str) -> None:
    assert unify(one.split()) != unify(other.split())


def test_a_text_without_numbers_stays() -> None:
    assert unify("the way over the hill".split()) == "the way over the hill".split()
