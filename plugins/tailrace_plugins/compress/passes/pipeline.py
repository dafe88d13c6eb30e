"""All passes over one text."""

from collections.abc import Sequence
from typing import Final

from tailrace_plugins.compress.passes import (
    headings,
    listing,
    long_results,
    minify,
    noise,
    numbers,
    paths,
    prompts,
    repeats,
    tabular,
    terminal,
    whitespace,
)
from tailrace_plugins.compress.passes.document import Document, read
from tailrace_plugins.compress.passes.marks import marked
from tailrace_plugins.compress.passes.nouns import LOSSY, PASSES, Count, Piece, Result, Switches
from tailrace_plugins.compress.passes.repeats import Earlier
from tailrace_plugins.compress.passes.screen import has_controls
from tailrace_plugins.compress.passes.verbatim import Freedom, freedom, is_list_of_files, is_search

_SHORTEST: Final = 16
"""Characters of a text that is worth a look."""


def compress(piece: Piece, switches: Switches, count: Count, earlier: Sequence[Earlier] = ()) -> Result | None:
    """The piece's text with fewer tokens by `count`; None where nothing is to be gained.

    The same input gives the same output, always. `earlier` are the texts that the model is sent before this one. Left
    alone are what the model wrote and what the system says, a text with a data URL, and what may be a file's text (see
    `verbatim`) but for references to the same lines above; of what a command printed only controls go. A user's JSON
    stays JSON. No text becomes empty: providers refuse such blocks.
    """
    text = piece.text
    if piece.role not in ("tool", "user") or len(text) < _SHORTEST or ";base64," in text or not _is_unicode(text):
        return None
    free: Freedom = freedom(piece.tool, piece.arguments) if piece.role == "tool" else "all"
    document = read(text) if free == "all" else None
    done: list[str] = []
    if piece.role == "user" and document is None and switches.prompts and (made := prompts.apply(text)) is not None:
        text, done = made, ["prompts"]
    elif document is None:
        text, done = _plain(piece, switches, free)
        # Coloured JSON is JSON only now.
        document = read(text) if "terminal" in done and free == "all" else None
    before, tokens = -1, -1
    if document is not None:
        before = count(piece.text)
        tokens = count(text) if done else before
        table_too = switches.tabular and piece.role == "tool" and len(text) <= switches.max_tabular_chars
        text, tokens, more = _json(text, document, switches, count, tokens, table_too=table_too)
        done += more
    # Under a heading a line means nothing without it: there all of the text is referred to, or nothing.
    refer = repeats.apply_whole if {"headings", "paths"}.intersection(done) else repeats.apply
    # What the model can ask for refers to nothing: what stands above may be gone by then.
    whole = text
    if piece.role == "tool" and earlier and switches.repeats and (made := refer(text, earlier)) is not None:
        tokens = count(text) if tokens < 0 else tokens
        if (fewer := count(made)) < tokens:
            text, tokens = made, fewer
            done.append("repeats")
    if document is None and _may_leave_out(piece, free):
        text, left_out = _left_out(text, piece, switches)
        tokens = -1 if left_out else tokens
        done += left_out
    if document is None and switches.numbers and piece.role == "tool" and (made := numbers.apply(text)) is not None:
        text, tokens = made, -1
        done.append("numbers")
    if not done or not text.strip():
        return None
    before = count(piece.text) if before < 0 else before
    if (count(text) if tokens < 0 else tokens) >= before:
        return None
    lossless = LOSSY.isdisjoint(done)
    return Result(text, tuple(name for name in PASSES if name in done), lossless, "" if lossless else whole)


def _plain(piece: Piece, switches: Switches, free: Freedom) -> tuple[str, list[str]]:
    text = piece.text
    done = []
    from_tool = piece.role == "tool"
    is_data = from_tool and free == "all"
    searched = from_tool and is_search(piece.tool, piece.arguments)
    for name, wanted, make in (
        ("terminal", switches.terminal and free != "none" and (is_data or has_controls(text)), terminal.apply),
        ("whitespace", switches.whitespace and is_data, whitespace.apply),
        ("listing", switches.listing, listing.apply),
        ("headings", switches.headings and searched, headings.apply),
        ("paths", switches.paths and from_tool and is_list_of_files(piece.tool, piece.arguments, text), paths.apply),
    ):
        if wanted and (made := make(text)) is not None:
            text = made
            done.append(name)
    return text, done


def _left_out(text: str, piece: Piece, switches: Switches) -> tuple[str, list[str]]:
    lines = text.split("\n")
    fine = noise.fine(lines) if switches.test_noise else [False] * len(lines)
    cut = [False] * len(lines)
    if switches.long_results:
        cut = long_results.cut(lines, piece.arguments, switches.max_result_chars, fine)
    made = marked(lines, fine, cut, piece.id, repeats.stands_for)
    names = [name for name, flags in (("test_noise", fine), ("long_results", cut)) if any(flags)]
    return (made, names) if len(made) < len(text) else (text, [])


def _may_leave_out(piece: Piece, free: Freedom) -> bool:
    """What the model can ask for may be left out of anything; else not of files, nor of what a failed call said."""
    if piece.role != "tool" or not piece.tool:
        return False
    return bool(piece.id) or (not piece.failed and free != "none")


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
