"""From a conversation to its features."""

from typing import Final

from tailrace.wire.conversation import Conversation
from tailrace_plugins.router.features import asking, code, language, maths, shape, structure, text
from tailrace_plugins.router.features.mapping import Features
from tailrace_plugins.router.features.sample import excerpt
from tailrace_plugins.router.features.wordlists import UNSPACED

_VERY_LONG: Final = 8_000
"""Characters from which less is read, so that there is time to count in the rest."""


def extract(conversation: Conversation) -> Features:
    """The features of a request. Pure; never fails; bounded in time by sampling (0.3 ms for 100 KB).

    Whole texts are only counted in; words and forms are read from the last text of the user, of a long one from its
    start and its end.
    """
    turns = conversation.turns
    asked = structure.question_index(turns)
    question = turns[asked].text if asked >= 0 else ""
    raw = excerpt(question) if len(question) <= _VERY_LONG else excerpt(question, 1_000, 400)
    sample = raw.lower()
    words = text.words_of(sample)
    tongue = language.detect(sample, words)
    if text.density(tongue) > 1.0 or tongue in UNSPACED:
        raw = excerpt(raw, 700, 300)
        sample = raw.lower()
        words = text.words_of(sample)
    values: dict[str, float] = {"question_chars": len(question) * text.density(tongue)}
    values.update(structure.measure(conversation, asked))
    values.update(code.measure((turn.text for turn in turns), raw))
    values.update(text.measure(sample, words, tongue))
    values.update(asking.measure(sample, words, values, tongue, turns, asked))
    values.update(maths.measure(sample, words))
    values.update(shape.measure(sample, set(words)))
    values["jargon"] = text.jargon(raw)
    values["calls_needed"] = calls_needed(values)
    return Features(values, question, sample=sample, words=words, language=tongue)


def calls_needed(values: dict[str, float]) -> float:
    """A guess at how many tool calls the answer takes, 0 without tools: one for each part, file or step asked for."""
    if not values["tools"]:
        return 0.0
    steps = (
        1.0
        + values["parts"]
        + values["files"]
        + 0.5 * (values["plan"] + values["debug"])
        + max(0.0, values["questions"] - 1)
    )
    return min(20.0, steps)
