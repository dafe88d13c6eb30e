"""The cheapest explanation, or none."""

import pytest

from tailrace_plugins.semantic_cache.verifier.align import explain
from tailrace_plugins.semantic_cache.verifier.canon import read
from tailrace_plugins.semantic_cache.verifier.costs import NEVER
from tailrace_plugins.semantic_cache.verifier.tokens import tokenise


def cost(one: str, other: str, limit: float = 1.0) -> float:
    first, second = (read(tokenise(text), "en").words for text in (one, other))
    return explain(first, second, "en", limit)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("is it a test database", "is it a test data base"),
        ("how can i become more polite", "how can i become less rude"),
        ("is the shop really open", "is the shop open"),
        ("how do cats see", "how does a cat see"),
    ],
)
def test_explained(one: str, other: str) -> None:
    assert cost(one, other) <= 1.0
    assert cost(one, other) == pytest.approx(cost(other, one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("delete the test", "delete the tests"),
        ("stop the job", "quit the job"),
        ("show any tests", "show tests"),
        ("what is big", "what is big and red and old and new and far and near and wide and deep"),
        ("write a synchronous client", "write an asynchronous client"),
        ("how can i become more polite", "how can i become more rude"),
    ],
)
def test_not_explained(one: str, other: str) -> None:
    assert cost(one, other) >= NEVER


def test_nothing_and_nothing_differ_in_nothing() -> None:
    assert explain((), (), "en", 1.0) == 0.0
