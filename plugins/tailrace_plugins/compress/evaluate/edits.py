"""What a plugin changed in a request, and whether nothing was lost by it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tailrace_plugins.compress.chain import links
from tailrace_plugins.compress.context import Context
from tailrace_plugins.compress.evaluate.aligned import aligned
from tailrace_plugins.compress.locate import Path, locate, replaced
from tailrace_plugins.compress.passes import Count, Earlier, Piece, Result, decodes_equal
from tailrace_plugins.compress.recall import id_of

Redo = Callable[[Piece, Sequence[Earlier]], Result | None]
"""The passes once more, with the plugin's own switches and counts, and what was sent before the piece."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A text that was sent instead of `piece.text`, and the passes that made it.

    `lossless`: that was promised of them; `equal`: it decodes to the same data. Neither where it is not what the passes
    make of the piece.
    """

    index: int
    path: Path
    piece: Piece
    sent: str
    passes: tuple[str, ...]
    lossless: bool
    equal: bool
    tokens: tuple[int, int] = (0, 0)
    """Of the text as it was and as it was sent."""
    whole: str = ""
    """What the model is given when it asks for `piece.id`; empty where nothing was left out, or it cannot ask."""


@dataclass(frozen=True, slots=True)
class Changes:
    """All edits of one request.

    `folded`: indices of the messages that a summary stands for. `beside`: texts that the client did not send.
    `strange`: something else was changed, too, or messages were added or left out.
    """

    edits: tuple[Edit, ...] = ()
    folded: frozenset[int] = frozenset()
    beside: tuple[str, ...] = ()
    strange: bool = False


class Comparison:
    """Finds the edits of one conversation's requests; each edit is proven once."""

    def __init__(self, redo: Redo, count: Count) -> None:
        self._redo = redo
        self._count = count
        self._proven: dict[tuple[int, Path, str, str], Edit] = {}

    def of(self, given: Sequence[Mapping[str, Any]], sent: Sequence[Mapping[str, Any]]) -> Changes:
        """What was changed between the client's messages and those that went to the provider."""
        if list(sent) == list(given):
            return Changes()
        whole = aligned(given, sent)
        if whole is None:
            return Changes(strange=True)
        folded = frozenset(index for index, message in enumerate(whole.messages) if message is None)
        lined_up = [message if message is not None else given[index] for index, message in enumerate(whole.messages)]
        edits: list[Edit] = []
        chain = links("chat", given)
        there = {index: dict(pieces) for index, pieces in locate("chat", lined_up, users=True).items()}
        for index, pieces in locate("chat", given, users=True).items():
            for path, piece in pieces:
                other = there.get(index, {}).get(path)
                if other is not None and other.text != piece.text:
                    with_id = replace(piece, id=id_of(chain.of[index - chain.first], path))
                    edits.append(self._edit(index, path, with_id, other.text, sent))
        texts: dict[int, dict[Path, str]] = {}
        for edit in edits:
            texts.setdefault(edit.index, {})[edit.path] = edit.sent
        strange = replaced("chat", given, texts) != lined_up
        return Changes(tuple(edits), folded, whole.beside, strange)

    def _edit(self, index: int, path: Path, piece: Piece, text: str, sent: Sequence[Mapping[str, Any]]) -> Edit:
        key = (index, path, piece.text, text)
        if key not in self._proven:
            self._proven[key] = self._proof(index, path, piece, text, sent)
        return self._proven[key]

    def _proof(self, index: int, path: Path, piece: Piece, text: str, sent: Sequence[Mapping[str, Any]]) -> Edit:
        tokens = (self._count(piece.text), self._count(text))
        # Whether it could be asked for, and refer to what stands above it, depends on the request that it was new in.
        for one in (piece, replace(piece, id="")):
            for earlier in (_before(text, sent), ()):
                result = self._redo(one, earlier)
                if result is not None and result.text == text:
                    equal = result.lossless and decodes_equal(piece.text, result, earlier)
                    whole = result.whole if one.id else ""
                    return Edit(index, path, piece, text, result.passes, result.lossless, equal, tokens, whole)
        return Edit(index, path, piece, text, (), lossless=False, equal=False, tokens=tokens)


def _before(text: str, sent: Sequence[Mapping[str, Any]]) -> list[Earlier]:
    """What the model was sent before a text."""
    context = Context("chat")
    for message in sent:
        if any(piece.text == text for _, piece in _texts(message)):
            break
        context.hear(message)
    return context.texts


def _texts(message: Mapping[str, Any]) -> list[tuple[Path, Piece]]:
    return locate("chat", [message], users=True).get(0, [])
