"""Whether old messages are replaced by a summary in this request, and which summary. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tailrace.prices import Price
from tailrace_plugins.compress.chain import Decision, Links
from tailrace_plugins.compress.history.cut import Cut as Cut
from tailrace_plugins.compress.history.cut import plan_cut
from tailrace_plugins.compress.history.extract import extract
from tailrace_plugins.compress.history.said import said, summary_message
from tailrace_plugins.compress.locate import is_models
from tailrace_plugins.compress.memory import Fold
from tailrace_plugins.compress.planner import Standing, Verdict, fold_pays
from tailrace_plugins.compress.recall import MOST_CHARS, id_of
from tailrace_plugins.compress.render import fold_of
from tailrace_plugins.compress.settings import HistorySettings
from tailrace_plugins.compress.tally import Tally
from tailrace_plugins.compress.work import Conversation

_BYTES_PER_TOKEN: Final = 4
_EARLY: Final = 0.8
_ENOUGH: Final = 0.5
"""Of the messages that are to go: a model's summary of fewer is not used."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A cut, a summary of it that a model has made, and whether it pays now."""

    cut: Cut
    text: str | None
    standing: Standing
    verdict: Verdict


def length(conversation: Conversation) -> int:
    """How many messages are sent, leading system messages not counted."""
    fold = fold_of(conversation.notes)
    return len(conversation.chain.of) - (fold.end - fold.offset - 1 if fold is not None else 0)


def early(settings: HistorySettings) -> int:
    """From how many messages on a model is asked for a summary, so that it is there when it is needed."""
    return int(settings.limit * _EARLY)


def to_prepare(conversation: Conversation, settings: HistorySettings) -> Cut | None:
    """What a model is to sum up now, so that it is ready when the limit is reached; None where that is not near, or
    was tried since the last summary.
    """
    last = max((index for index, note in conversation.notes.items() if note.prepared is not None), default=-1)
    # One that waits for its turn is made anew once it says nothing of most that is to go.
    if last >= 0 and len(conversation.messages) - last - 1 < settings.limit:
        return None
    above = early(settings) - 1
    return _cut(conversation, settings, above=above, target=min(settings.target, max(2, above - 1)))


def planned(
    conversation: Conversation,
    settings: HistorySettings,
    tally: Tally,
    price: Price | None,
    idle_s: float,
    *,
    recalls: bool = False,
) -> Plan | None:
    """What is to be replaced, if the conversation is too long; None where nothing is, or only what is already. With
    `recalls` the model can ask for what is gone, and is expected to, once.

    A summary by a model is preferred where one was made of what came since the last.
    """
    if length(conversation) <= settings.limit:
        return None
    fold = fold_of(conversation.notes)
    since = fold.end if fold is not None else 0
    chain = conversation.chain
    cut, text = _cut(conversation, settings, above=settings.limit, target=settings.target), None
    for index, note in sorted(conversation.notes.items(), reverse=True):
        if note.prepared is not None and note.prepared[1] and index + 1 - chain.first > since:
            prepared = Cut(chain.first + note.prepared[0], index + 1)
            if cut is None or prepared.removed >= _ENOUGH * cut.removed:
                cut, text = prepared, note.prepared[1]
            break
    if cut is None or cut.end - chain.first <= since:
        return None
    standing = _standing(conversation, cut, settings, tally, price, idle_s)
    if recalls:
        standing = replace(standing, recall_tokens=MOST_CHARS // _BYTES_PER_TOKEN)
    return Plan(cut, text, standing, fold_pays(standing))


def folded(
    conversation: Conversation, plan: Plan, settings: HistorySettings, count: Callable[[str], int], *, recalls: bool
) -> Fold:
    """The summary in place of what is cut; without a model's, made of the messages' own words (milliseconds)."""
    shape, messages, chain, cut = conversation.shape, conversation.messages, conversation.chain, plan.cut
    gone = messages[cut.start : cut.end]
    text = plan.text or extract(shape, gone, settings.summary_tokens, count, messages[cut.end :])
    if recalls:
        lines = transcript(conversation, cut.start, cut.end).count("\n") + 1
        text += f"\n\n[... the messages themselves left out: lines 1-{lines} of {_id(chain, cut.end)}]"
    # A second summary stands for what the first stood for, too.
    before = fold_of(conversation.notes)
    saved = max(0, plan.standing.removed - count(text) + (before.saved if before is not None else 0))
    return Fold(cut.start - chain.first, cut.end - chain.first, summary_message(shape, text, cut.removed), saved)


def transcript(conversation: Conversation, start: int, end: int) -> str:
    """Messages as text, for the model that asks for them."""
    lines = []
    for one in said(conversation.shape, conversation.messages[start:end]):
        lines.append(f"{one.kind} {one.name}: {one.text}" if one.name else f"{one.kind}: {one.text}")
    return "\n".join(lines)


def text_of(conversation: Conversation, edits: Mapping[int, Decision], id_: str) -> str | None:
    """What the model asks for by an id; None where nothing in the conversation has it."""
    for decision in edits.values():
        for edit in decision:
            if edit.id and edit.id == id_:
                return edit.whole
    for note in conversation.notes.values():
        if note.fold is not None and _id(conversation.chain, conversation.chain.first + note.fold.end) == id_:
            first = conversation.chain.first
            return transcript(conversation, first + note.fold.offset, first + note.fold.end)
    return None


def orphans(conversation: Conversation, fold: Fold) -> list[int]:
    """The kept messages with edits that refer to what stands above them: they are decided anew."""
    behind = conversation.chain.first + fold.end
    return [
        index
        for index, decision in conversation.edits.items()
        if index >= behind and any("repeats" in edit.passes for edit in decision)
    ]


def _cut(conversation: Conversation, settings: HistorySettings, *, above: int, target: int) -> Cut | None:
    if length(conversation) <= above:
        return None
    return plan_cut(
        conversation.shape, conversation.messages, above=above, target=target, keep_turns=settings.keep_turns
    )


def _standing(
    conversation: Conversation, cut: Cut, settings: HistorySettings, tally: Tally, price: Price | None, idle_s: float
) -> Standing:
    """Tokens are told by the bytes of the messages: the last prompt's are known, and counting would take too long."""
    chain, fold = conversation.chain, fold_of(conversation.notes)
    first = chain.first
    sizes = list(chain.sizes)
    for index, decision in conversation.edits.items():
        saved = sum(edit.saved for edit in decision) * _BYTES_PER_TOKEN
        sizes[index - first] = max(0, sizes[index - first] - saved)
    if fold is not None:
        sizes[fold.offset : fold.end] = [settings.summary_tokens * _BYTES_PER_TOKEN] + [0] * (
            fold.end - fold.offset - 1
        )
    removed = sum(sizes[cut.start - first : cut.end - first]) // _BYTES_PER_TOKEN
    behind = sum(sizes[cut.end - first :]) // _BYTES_PER_TOKEN
    # What comes in this turn is new either way; what stands before all messages is the rest of the prompt.
    sent = max(tally.sent_tokens, removed + behind)
    return Standing(
        price=price,
        sent_tokens=sent,
        position=max(0, sent - removed - behind),
        removed=removed,
        summary_tokens=settings.summary_tokens,
        turns=_answers(conversation.messages),
        idle_s=idle_s,
        banked_usd=tally.saved_usd,
        billed_usd=tally.billed_usd,
    )


def _answers(messages: Sequence[Any]) -> int:
    return sum(
        is_models(message) and not (index and is_models(messages[index - 1])) for index, message in enumerate(messages)
    )


def _id(chain: Links, end: int) -> str:
    return id_of(chain.of[end - 1 - chain.first], ())
