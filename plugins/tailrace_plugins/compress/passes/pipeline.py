"""All passes over one text."""

from typing import Final

from tailrace_plugins.compress.passes import (
    headings,
    listing,
    long_results,
    minify,
    noise,
    tabular,
    terminal,
    whitespace,
)
from tailrace_plugins.compress.passes.document import Document, read
from tailrace_plugins.compress.passes.nouns import LOSSY, PASSES, Count, Piece, Result, Switches
from tailrace_plugins.compress.passes.screen import has_controls
from tailrace_plugins.compress.passes.verbatim import Freedom, freedom

_SHORTEST: Final = 16
"""Characters of a text that is worth a look."""


def compress(piece: Piece, switches: Switches, count: Count) -> Result | None:
    """The piece's text with fewer tokens by `count`; None where nothing is to be gained.

    The same input gives the same output, always. Left alone are what the model wrote and what the system says, a text
    with a data URL, and what may be a file's text (see `verbatim`); of what a command printed only controls go. A
    user's JSON stays JSON. No text becomes empty: providers refuse such blocks.
    """
    text = piece.text
    if piece.role not in ("tool", "user") or len(text) < _SHORTEST or ";base64," in text or not _is_unicode(text):
        return None
    free: Freedom = freedom(piece.tool, piece.arguments) if piece.role == "tool" else "all"
    document = read(text) if free == "all" else None
    done: list[str] = []
    if document is None:
        text, done = _plain(piece, switches, free)
        # Coloured JSON is JSON only now.
        document = read(text) if "terminal" in done and free == "all" else None
    if document is None and not done:
        return None
    tokens = before = count(piece.text)
    if done:
        tokens = count(text)
    if document is not None:
        table_too = switches.tabular and piece.role == "tool" and len(text) <= switches.max_tabular_chars
        text, tokens, more = _json(text, document, switches, count, tokens, table_too=table_too)
        done += more
    if not done or tokens >= before or not text.strip():
        return None
    return Result(text, tuple(name for name in PASSES if name in done), LOSSY.isdisjoint(done))


def _plain(piece: Piece, switches: Switches, free: Freedom) -> tuple[str, list[str]]:
    text = piece.text
    done = []
    from_tool = piece.role == "tool"
    is_data = from_tool and free == "all"
    may_leave_out = from_tool and not piece.failed and free != "none"
    for name, wanted, make in (
        ("terminal", switches.terminal and free != "none" and (is_data or has_controls(text)), terminal.apply),
        ("test_noise", switches.test_noise and may_leave_out, noise.apply),
        ("whitespace", switches.whitespace and is_data, whitespace.apply),
        ("listing", switches.listing, listing.apply),
        ("headings", switches.headings and from_tool, headings.apply),
    ):
        if wanted and (made := make(text)) is not None:
            text = made
            done.append(name)
    if switches.long_results and may_leave_out:
        cut = long_results.apply(text, piece.arguments, switches.max_result_chars)
        if cut is not None:
            text = cut
            done.append("long_results")
    return text, done


def _json(
    text: str, document: Document, switches: Switches, count: Count, tokens: int, *, table_too: bool
) -> tuple[str, int, tuple[str, ...]]:
    done: tuple[str, ...] = ()
    if switches.minify and (compact := minify.apply(text, document)) is not None and (fewer := count(compact)) < tokens:
        text, tokens, done = compact, fewer, ("minify",)
    if table_too:
        table = tabular.apply(document, count, grouped=switches.grouped, below=tokens)
        if table is not None:
            return table.text, table.tokens, ("tabular", "grouped") if table.grouped else ("tabular",)
    return text, tokens, done


def _is_unicode(text: str) -> bool:
    """Whether it can be sent at all: half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
