"""Says in a few words why a request looks easy or hard. Never any text of the request."""

from collections.abc import Iterator, Sequence
from typing import Final

from tailrace_plugins.router.scorer.score import Part

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "length": ("long question", "short question"),
    "very_short": ("very short", "very short"),
    "sentences": ("many sentences", "many sentences"),
    "pasted": ("much pasted text", "an order about pasted text"),
    "asked_length": ("much is asked", "little is asked"),
    "small_talk": ("small talk", "small talk"),
    "reasoning": ("asks for reasoning", "asks for reasons"),
    "planning": ("asks to plan or build", "asks to build"),
    "maths_words": ("mathematics", "plain calculation"),
    "easy_task": ("an everyday task", "an everyday task"),
    "brief_answer": ("a brief answer will do", "a brief answer will do"),
    "easy_words": ("words of everyday tasks", "words of everyday tasks"),
    "hard_words": ("words of hard problems", "words of hard problems"),
    "hard_share": ("dense with words of hard problems", "words of hard problems"),
    "constraints": ("many constraints", "constraints"),
    "debugging": ("debugging", "debugging"),
    "writing": ("writing", "writing"),
    "code_words": ("programming", "programming"),
    "fact_question": ("asks for a fact", "asks for a fact"),
    "negation": ("negations", "negations"),
    "word_length": ("long words", "long words"),
    "long_words": ("technical words", "technical words"),
    "repetition": ("repeats itself", "repeats itself"),
    "numbers": ("many numbers", "numbers"),
    "fractions": ("fractions", "fractions"),
    "relations": ("quantities that depend on each other", "quantities"),
    "relation_share": ("quantities that depend on each other", "quantities"),
    "conditions": ("conditions", "conditions"),
    "symbols": ("formulas", "formulas"),
    "options": ("options to choose from", "options to choose from"),
    "option_length": ("long options", "options to choose from"),
    "statements": ("statements to judge", "statements to judge"),
    "parts": ("many parts", "several parts"),
    "clauses": ("many clauses", "several clauses"),
    "jargon": ("acronyms and identifiers", "acronyms and identifiers"),
    "more_questions": ("several questions", "several questions"),
    "format": ("a form of answer is asked for", "a form of answer is asked for"),
    "files": ("several files", "files"),
    "lines": ("many lines", "many lines"),
    "code_volume": ("much code", "code"),
    "code_signs": ("code", "code"),
    "tools": ("many tools", "tools"),
    "loop_depth": ("deep in a tool loop", "in a tool loop"),
    "results_before": ("many tool results", "tool results"),
    "calls_needed": ("several tool calls ahead", "tool calls ahead"),
    "errors_in_row": ("tools failed in a row", "a tool failed"),
    "repeated_calls": ("the same call again and again", "a call repeated"),
    "images": ("images", "images"),
    "turns": ("a long conversation", "a conversation"),
    "context": ("much context", "context"),
    "simple_instructions": ("simple instructions", "simple instructions"),
    "hard_instructions": ("demanding instructions", "instructions"),
    "hard_before": ("hard questions before", "questions before"),
    "structured_output": ("structured output", "structured output"),
    "effort": ("high effort asked for", "low effort asked for"),
    "short_answer": ("a short answer allowed", "a short answer allowed"),
    "meaning": ("about something hard", "about something easy"),
}
"""For each term its words when it speaks for a hard request, and when it speaks for an easy one."""
_EASY_ABOVE: Final = 0.9
"""About where simple requests end at the default quality."""
_MOST: Final = 3
_LEAST: Final = 0.08
"""Contributions below it are not worth a word."""
_TYPICAL: Final = {"length": 1.5, "asked_length": 3.2, "sentences": 1.1, "clauses": 1.1, "word_length": 1.5}
"""What terms are that no request is without, in one of about 25 words: only what they are more or less is a reason."""


def reason(parts: Sequence[Part], p: float) -> str:
    """Up to three reasons, the largest first: what made it hard, or above `_EASY_ABOVE` what made it easy."""
    hard = p < _EASY_ABOVE
    told: list[str] = []
    for part, added in sorted(_additions(parts), key=lambda pair: -abs(pair[1])):
        phrase = _WORDS[part.name][0 if hard else 1]
        if abs(added) >= _LEAST and (added < 0) == hard and phrase not in told:
            told.append(phrase)
    return ", ".join(told[:_MOST]) or "nothing remarkable"


def _additions(parts: Sequence[Part]) -> Iterator[tuple[Part, float]]:
    for part in parts:
        if part.name in _WORDS:
            yield part, (part.value - _TYPICAL.get(part.name, 0.0)) * part.weight
