import pytest

from tailrace_plugins.router.scorer import Part, Score


def test_a_part_adds_its_value_times_its_weight() -> None:
    assert Part("length", 2.0, -0.25).contribution == -0.5


def test_scores_are_frozen() -> None:
    score = Score(0.5, (), "rules", "nothing remarkable")
    with pytest.raises(AttributeError):
        score.p = 1.0  # type: ignore[misc]
