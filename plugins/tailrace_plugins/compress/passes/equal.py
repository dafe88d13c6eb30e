"""Whether an edit holds the same data: for the evaluation, and for tests."""

from collections.abc import Sequence
from typing import Any

from tailrace.wire import jsonio
from tailrace_plugins.compress.passes import headings, numbers, paths, repeats
from tailrace_plugins.compress.passes.document import read
from tailrace_plugins.compress.passes.listing import at_the_edge
from tailrace_plugins.compress.passes.nouns import Result
from tailrace_plugins.compress.passes.repeats import Earlier
from tailrace_plugins.compress.passes.tabular import decode, same
from tailrace_plugins.compress.passes.terminal import settled, unfold
from tailrace_plugins.compress.passes.whitespace import squeeze


def decodes_equal(original: str, made: Result, earlier: Sequence[Earlier] = ()) -> bool:
    """Whether a lossless edit holds the same data, what it refers to in `earlier` included. False for a lossy one.

    JSON: equal values with the order of keys and the spelling of numbers, after TOON is decoded by its library.
    Terminal output: a terminal shows the same in the end. Blanks that `whitespace` takes away are no data, nor
    are those that align line numbers.
    """
    if not made.lossless:
        return False
    before, after = original, made.text
    if "numbers" in made.passes:
        after = numbers.undo(after)
    if "repeats" in made.passes:
        whole = repeats.undo(after, earlier)
        if whole is None:
            return False
        after = whole
    if "paths" in made.passes:
        after = paths.undo(after)
    if "headings" in made.passes:
        after = headings.undo(after)
    if "terminal" in made.passes:
        before, after = settled(before), unfold(after)
    if "whitespace" in made.passes:
        before, after = squeeze(before), squeeze(after)
    if "listing" in made.passes:
        before, after = at_the_edge(before), at_the_edge(after)
    if not {"minify", "tabular"}.intersection(made.passes):
        return before == after
    value = _value(before)
    if value is None:
        return False
    if "tabular" in made.passes:
        return same(value, decode(after), grouped="grouped" in made.passes)
    other = _value(after)
    return other is not None and jsonio.dumps(value) == jsonio.dumps(other)


def _value(text: str) -> Any | None:
    document = read(text)
    return document.spelled() if document is not None else None
