import pytest

from tailrace.wire.conversation import Conversation, Tool, ToolCall, Turn
from tailrace_plugins.router.features import extract
from tailrace_plugins.router.scorer.terms import EASIER, HARDER, terms


def of(*turns: Turn | str, tools: int = 0) -> dict[str, float]:
    made = tuple(Turn("user", turn) if isinstance(turn, str) else turn for turn in turns)
    return terms(extract(Conversation(made, tuple(Tool(f"t{n}", "", 100) for n in range(tools)))))


def loop(depth: int) -> list[Turn]:
    return [
        turn
        for n in range(depth)
        for turn in (
            Turn("assistant", "", calls=(ToolCall(str(n), "run", f"{n}"),)),
            Turn("tool", "fine", call_id=str(n)),
        )
    ]


def test_terms_are_numbers_of_a_common_scale() -> None:
    found = of("Prove that for all n there are primes between n and 2n, and explain why. " * 200)
    assert all(abs(value) < 12 for value in found.values())
    assert set(found) >= HARDER | EASIER
    assert not HARDER & EASIER


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hi", "small_talk"),
        ("thanks a lot, great!", "small_talk"),
        ("danke", "small_talk"),
        ("谢谢", "very_short"),
        ("translate 'good morning' to French", "easy_task"),
        ("explain it in one sentence", "brief_answer"),
        ("what is the capital of Peru?", "fact_question"),
        ("prove the lemma", "hard_words"),
        ("refactor the service and migrate its schema", "planning"),
        ("why? explain, compare and justify", "reasoning"),
        ("half of 20 plus 3 times as many", "fractions"),
        ("x^2 = 4", "symbols"),
        ("is it?\na. yes\nb. no", "options"),
    ],
)
def test_what_speaks_for_a_term(text: str, name: str) -> None:
    assert of(text)[name] > 0


def test_a_greeting_stays_small_talk_under_tools_and_long_instructions() -> None:
    found = of(Turn("system", "Analyse and reason rigorously. " * 50), "thanks!", tools=12)
    assert found["small_talk"] > 0.5
    assert found["hard_instructions"] < 1 and found["tools"] < 1.5


def test_in_an_agents_work_a_short_word_is_not_an_easy_request() -> None:
    alone, working = of("continue"), of("Fix the build", *loop(4), "continue", tools=4)
    assert alone["very_short"] > 0 == working["very_short"]
    assert working["length"] > alone["length"]
    assert working["results_before"] > 0


def test_thanks_after_an_agents_work_is_one() -> None:
    found = of("Fix the build", *loop(4), Turn("assistant", "Done."), "thanks!", tools=4)
    assert found["very_short"] > 0 and found["results_before"] == 0


def test_a_short_order_in_the_system_prompt_makes_the_text_material() -> None:
    text = (
        "Please prove the theorem that the sum of the inverses of the primes diverges, rigorously and in detail, thanks"
    )
    alone, ordered = of(text), of(Turn("system", "Write a short title for the text."), text)
    assert ordered["hard_words"] < alone["hard_words"]
    assert ordered["simple_instructions"] > 0 == alone["simple_instructions"]
