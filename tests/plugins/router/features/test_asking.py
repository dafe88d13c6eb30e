from collections import Counter

import pytest

from tailrace.wire.conversation import Turn
from tailrace_plugins.router.features.asking import instruction, measure
from tailrace_plugins.router.features.text import kinds, words_of

PASTED = "the ferry left at six, as it had always done, with the lamps still lit along the rail. " * 5


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("what is it?", "what is it?"),
        (f"is this english?\n\n{PASTED}", "is this english?"),
        (f"{PASTED}\n\nis this english?", "is this english?"),
        (f"fix this\n```py\n{PASTED}\n```", "fix this"),
        (f"fix this\n```py\n{PASTED}", "fix this"),
        ("", ""),
        ("\n\n\n\n", ""),
    ],
)
def test_the_order_is_told_from_what_is_pasted(text: str, order: str) -> None:
    assert instruction(text) == order


def test_a_long_text_of_long_paragraphs_is_all_order() -> None:
    text = f"{PASTED}\n\n{PASTED}"
    assert instruction(text) == text.strip()


def measured(text: str, *before: Turn) -> dict[str, float]:
    turns = (*before, Turn("user", text))
    low, words = text.lower(), words_of(text.lower())
    return measure(low, words, kinds(low, Counter(words), "en"), "en", turns, len(turns) - 1)


def test_words_of_pasted_text_are_not_asked_for() -> None:
    found = measured(f"translate this, briefly\n\n{'prove the theorem rigorously. ' * 20}")
    assert found["asked_hard"] == 0
    assert found["asked_ease"] == found["asked_brief"] == 1
    assert found["asked_words"] == 3
    assert found["pasted_chars"] > 500


def test_what_was_said_before() -> None:
    found = measured(
        "go on", Turn("system", "Classify the ticket."), Turn("user", "Prove the lemma"), Turn("assistant", "no")
    )
    assert found["system_ease"] >= 1
    assert found["earlier_hard"] >= 2
    assert measured("Prove the lemma")["earlier_hard"] == 0
