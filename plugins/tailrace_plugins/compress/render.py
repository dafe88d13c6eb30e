"""The messages as they are sent: with edits, with what their client was not shown, with a summary. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.chain import Decision, Links
from tailrace_plugins.compress.hidden.restore import restored
from tailrace_plugins.compress.locate import Path, replaced
from tailrace_plugins.compress.memory import Fold, Note


def rendered(
    shape: Shape, messages: Sequence[Any], chain: Links, edits: Mapping[int, Decision], notes: Mapping[int, Note]
) -> list[Any]:
    """The messages of a request as the provider is sent them, or the first of them; the client's are not changed.

    The last fold that is noted holds; what was inserted into the messages that it stands for went with them.
    """
    fold = fold_of(notes)
    if fold is not None:
        edits = {**edits, **{chain.first + offset: decision for offset, decision in fold.edits.items()}}
    made = replaced(shape, messages, texts({at: made for at, made in edits.items() if at < len(messages)}))
    start, end = (chain.first + fold.offset, chain.first + fold.end) if fold is not None else (0, 0)
    # From the end on, so that the indices of what comes before stay true. An insertion stands around the answer, which
    # is the next message.
    places = sorted((index for index in notes if notes[index].inserted), reverse=True)
    for index in places:
        if index + 1 >= end:
            made = _put_back(shape, made, index, notes)
    if fold is not None:
        made[start:end] = [fold.message]
        for index in places:
            if index + 1 < start:
                made = _put_back(shape, made, index, notes)
    return made


def _put_back(shape: Shape, made: list[Any], index: int, notes: Mapping[int, Note]) -> list[Any]:
    inserted = notes[index].inserted
    return restored(shape, made, index + 1, inserted) if inserted is not None else made


def fold_of(notes: Mapping[int, Note]) -> Fold | None:
    """The summary that is used, if any."""
    return next((note.fold for _, note in sorted(notes.items(), reverse=True) if note.fold is not None), None)


def texts(edits: Mapping[int, Decision]) -> dict[int, dict[Path, str]]:
    """Edits in the form in which `locate.replaced` takes them."""
    return {index: {edit.path: edit.text for edit in decision} for index, decision in edits.items()}
