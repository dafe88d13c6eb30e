"""What a plugin changed in a request, and whether nothing was lost by it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailrace_plugins.compress.context import Context
from tailrace_plugins.compress.locate import Path, locate, replaced
from tailrace_plugins.compress.passes import Count, Earlier, Piece, Result, decodes_equal

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


@dataclass(frozen=True, slots=True)
class Changes:
    """All edits of one request. `strange`: something else was changed, too, or messages were added or left out."""

    edits: tuple[Edit, ...] = ()
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
        edits: list[Edit] = []
        there = {index: dict(pieces) for index, pieces in locate("chat", sent).items()}
        for index, pieces in locate("chat", given).items():
            for path, piece in pieces:
                other = there.get(index, {}).get(path)
                if other is not None and other.text != piece.text:
                    edits.append(self._edit(index, path, piece, other.text, sent))
        texts: dict[int, dict[Path, str]] = {}
        for edit in edits:
            texts.setdefault(edit.index, {})[edit.path] = edit.sent
        return Changes(tuple(edits), replaced("chat", given, texts) != list(sent))

    def _edit(self, index: int, path: Path, piece: Piece, text: str, sent: Sequence[Mapping[str, Any]]) -> Edit:
        key = (index, path, piece.text, text)
        if key not in self._proven:
            context = Context("chat")
            for message in sent[:index]:
                context.hear(message)
            self._proven[key] = self._proof(index, path, piece, text, context.texts)
        return self._proven[key]

    def _proof(self, index: int, path: Path, piece: Piece, sent: str, earlier: Sequence[Earlier]) -> Edit:
        result, tokens = self._redo(piece, earlier), (self._count(piece.text), self._count(sent))
        if result is None or result.text != sent:
            return Edit(index, path, piece, sent, (), lossless=False, equal=False, tokens=tokens)
        equal = result.lossless and decodes_equal(piece.text, result, earlier)
        return Edit(index, path, piece, sent, result.passes, result.lossless, equal, tokens)
