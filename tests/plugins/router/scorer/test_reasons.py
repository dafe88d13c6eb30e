import pytest

from tailrace_plugins.router.scorer import Part
from tailrace_plugins.router.scorer.reasons import _WORDS, reason
from tailrace_plugins.router.scorer.terms import EASIER, HARDER

HARD = Part("hard_words", 1.0, -1.0)
LONG = Part("length", 3.5, -0.4)
SHORT = Part("length", -1.0, -0.4)
TALK = Part("small_talk", 1.0, 0.8)


@pytest.mark.parametrize(
    ("parts", "p", "words"),
    [
        ((HARD, LONG, TALK), 0.4, "words of hard problems, long question"),
        ((TALK, SHORT, HARD), 0.97, "short question, small talk"),
        ((), 0.5, "nothing remarkable"),
        ((Part("bias", 1.0, 3.0),), 0.97, "nothing remarkable"),
        ((Part("length", 1.6, -0.4),), 0.5, "nothing remarkable"),
        ((Part("of tomorrow", 1.0, -3.0),), 0.5, "nothing remarkable"),
        (
            (Part("relations", 1.0, -0.3), Part("relation_share", 1.0, -0.2)),
            0.5,
            "quantities that depend on each other",
        ),
    ],
)
def test_the_largest_parts_of_its_side_in_words(parts: tuple[Part, ...], p: float, words: str) -> None:
    assert reason(parts, p) == words


def test_no_more_than_three() -> None:
    parts = [Part(name, 1.0, -1.0) for name in ("hard_words", "planning", "maths_words", "files", "tools")]
    assert reason(parts, 0.1).count(",") == 2


def test_every_term_that_speaks_to_one_side_has_words() -> None:
    assert set(_WORDS) >= HARDER | EASIER
