"""How many tokens a request has and its answer will have, estimated before anybody counts them."""

from typing import Final

from tailrace.tokens import estimate
from tailrace.wire.conversation import Conversation, Turn

_PER_TURN: Final = 4
"""Role and separators, as in OpenAI's cookbook on counting chat tokens."""
_PER_IMAGE: Final = 1_600
"""The most that Anthropic counts for one (its vision guide); OpenAI's usual sizes count 765 to 1,105."""

USUAL_OUTPUT: Final = 215
"""Tokens of a chat answer: the mean over LMSYS-Chat-1M is 214.5 (arXiv 2309.11998, table 1)."""
_LAST_ANSWERS: Final = 4


def input_tokens(conversation: Conversation, body_bytes: int) -> int:
    """Tokens that a model is given: texts, calls, tool definitions and images.

    Never more than the body has bytes, images apart, since no tokenizer makes more tokens than bytes. Where no turn
    could be read (a prompt of token numbers, a stored conversation) a quarter of the body.
    """
    if not conversation.turns:
        return max(0, body_bytes) // 4
    words = sum(_turn_tokens(turn) for turn in conversation.turns)
    words += sum(tool.chars for tool in conversation.tools) // 4
    if body_bytes > 0:
        words = min(words, body_bytes)
    return words + _PER_IMAGE * sum(turn.images for turn in conversation.turns)


def output_tokens(conversation: Conversation) -> int:
    """Tokens that the answer will probably have: the mean of the last four answers of this conversation, since a loop's
    steps are alike; before the first, `USUAL_OUTPUT`. Never more than `max_tokens` allows.
    """
    answers = [turn for turn in conversation.turns if turn.role == "assistant"][-_LAST_ANSWERS:]
    expected = sum(_turn_tokens(turn) for turn in answers) // len(answers) if answers else USUAL_OUTPUT
    return expected if conversation.max_tokens is None else min(expected, conversation.max_tokens)


def _turn_tokens(turn: Turn) -> int:
    calls = sum(estimate(call.name) + estimate(call.arguments) for call in turn.calls)
    return _PER_TURN + estimate(turn.text) + calls
