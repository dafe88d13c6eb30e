import pytest

from tailrace.wire.conversation import Conversation, Turn
from tailrace_plugins.router.evaluate.judge import Judged, judge, question
from tailrace_plugins.router.evaluate.outcomes import Row


def row(text):
    return Row(Conversation((Turn("user", text),)), 0.0, 1.0)


class Longer:
    """The longer the question, the less the cheap model suffices."""

    def __init__(self):
        self.got = []

    def score(self, features, embedding=None):
        self.got.append((features.question, embedding))
        return type("Score", (), {"p": 1 - len(features.question) / 10})


def test_rows_are_scored_by_the_need_of_the_strong_model():
    scorer, told = Longer(), []
    found = judge([row("ab"), row("abcd"), row("a")], scorer, [b"1", None, b"3"], lambda: told.append(1))
    assert found.scores == pytest.approx((0.2, 0.4, 0.1))
    assert len(found.times_ms) == len(told) == 3
    assert all(time > 0 for time in found.times_ms)
    # A warm-up, then each once, with its own vector.
    assert scorer.got == 2 * [("ab", b"1"), ("abcd", None), ("a", b"3")]


def test_the_warm_up_is_bounded():
    scorer = Longer()
    judge([row("a")] * 500, scorer, [None] * 500)
    assert len(scorer.got) == 600


def test_each_row_needs_its_vector():
    with pytest.raises(ValueError):
        judge([row("a")], Longer(), [])


@pytest.mark.parametrize(("share", "ms"), [(0.5, 51), (0.99, 100), (0.0, 1), (1.0, 100)])
def test_times(share, ms):
    assert Judged((), tuple(range(100, 0, -1))).at_ms(share) == ms


def test_the_question_is_what_the_embedding_is_of():
    asked = Conversation((Turn("system", "s"), Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c")))
    assert question(asked) == "c"
    assert question(Conversation(())) == ""
