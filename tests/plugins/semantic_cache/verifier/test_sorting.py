"""An order of a list has one form; the opposite order another."""

import pytest

from tailrace_plugins.semantic_cache.verifier.sorting import unify


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sort the tickets newest first", "sort the tickets from newest to oldest"),
        ("sort the tickets oldest first", "order the tickets by date ascending"),
        ("sort the files by size , largest first", "sort the files by size , descending"),
        ("sort the users alphabetically", "sort the users by name from a to z"),
        ("sort the people by age , oldest first", "sort the people by age , descending"),
    ],
)
def test_one_order(one: str, other: str) -> None:
    assert unify(one.split()) == unify(other.split())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sort the tickets newest first", "sort the tickets oldest first"),
        ("sort the people by age , oldest first", "sort the people by date , oldest first"),
        ("sort the users by name from a to z", "sort the users by name from z to a"),
    ],
)
def test_another_order(one: str, other: str) -> None:
    assert unify(one.split()) != unify(other.split())


def test_other_texts_stay() -> None:
    assert unify("the newest first".split()) == "the newest first".split()
    assert unify("who came from the oldest to the newest town".split())[0] == "who"
