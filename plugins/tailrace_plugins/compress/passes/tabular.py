"""JSON as TOON (https://toonformat.dev, specification 4.4, by its official library): keys once a table, not once a row.

Only what the library's own decoder reads back as the same data is used. Needs the extra `compress`; without it, nothing
is made.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from tailrace.wire import jsonio
from tailrace_plugins.compress.passes.document import MARK, Document
from tailrace_plugins.compress.passes.grouping import columns, group, ungroup
from tailrace_plugins.compress.passes.nouns import Count

DELIMITERS: Final = (",", "\t", "|")
_TRIED_ALWAYS_BELOW: Final = 16_384
"""Characters. Longer documents are encoded only if much of them is tables: encoding takes 80 ms a megabyte."""
_MUCH: Final = 0.5
_HOPELESS: Final = 1.25
"""A text longer than the compact JSON by more than this is not counted: measured, TOON has at most 6% fewer tokens a
character than JSON."""


class Table(NamedTuple):
    """A TOON text, its tokens, and whether lists in it are grouped."""

    text: str
    tokens: int
    grouped: bool


def encode(value: Any, delimiter: str = ",") -> str | None:
    """The value as TOON; None without the library, and for what TOON cannot hold.

    A string that begins with MARK is written as the number whose spelling follows it.
    """
    try:
        import toon_format
    except ImportError:
        return None
    try:
        # A number's spelling needs no quotes after MARK, and TOON reads all that JSON can spell (section 4).
        return toon_format.dumps(value, delimiter=delimiter).replace(MARK, "")
    except ValueError:
        return None


def decode(text: str) -> Any | None:
    """What a TOON text holds, numbers as in `Document.spelled`; None without the library, and for other texts."""
    try:
        import toon_format
    except ImportError:
        return None
    try:
        return toon_format.loads(text, parse_int=_mark, parse_float=_mark)
    except ValueError:
        return None


def apply(document: Document, count: Count, *, grouped: bool = True, below: int | None = None) -> Table | None:
    """The TOON text with the fewest tokens; None where none has fewer than `below` or holds the same data.

    Without `below`, the tokens of the compact JSON. With `grouped`, lists of lists may become tables (`grouping`).
    """
    value = document.spelled()
    large = len(document.compact) > _TRIED_ALWAYS_BELOW
    if not value or (large and _in_tables(value) < _MUCH):
        return None
    limit = count(document.compact) if below is None else below
    forms: list[tuple[Any, bool]] = [(value, False)]
    if grouped and (other := group(value)) is not None:
        # Lists of lists written out are hardly ever shorter: for long documents that is not tried.
        forms = [(other, True)] if large else [*forms, (other, True)]
    tables = [
        Table(text, count(text), is_grouped)
        for form, is_grouped in forms
        for text in _texts(form, int(len(document.compact) * _HOPELESS))
    ]
    for table in sorted(tables, key=lambda table: table.tokens):
        if table.tokens >= limit:
            return None
        if same(value, decode(table.text), grouped=table.grouped):
            return table
    return None


def same(value: Any, decoded: Any, *, grouped: bool) -> bool:
    """Whether two values are equal with the order of keys, the second after its groups are undone."""
    if decoded is None:
        return False
    return jsonio.dumps(value) == jsonio.dumps(ungroup(decoded) if grouped else decoded)


def _mark(spelling: str) -> str:
    return MARK + spelling


def _texts(value: Any, longest: int) -> Iterator[str]:
    """The text with commas, and those with another delimiter that save quotes."""
    with_commas = encode(value)
    if with_commas is None or len(with_commas) > longest:
        return
    yield with_commas
    # Measured on tau-bench, tabs cost 1.6% and bars 3% more than commas where there is nothing to quote.
    if '"' in with_commas:
        for delimiter in DELIMITERS[1:]:
            text = encode(value, delimiter)
            if text is not None and len(text) < len(with_commas):
                yield text


def _in_tables(value: Any) -> float:
    """The share of all scalars that stand in tables, where no key is repeated."""
    every = tabled = 0
    level = [value]
    while level:
        below = []
        for container in level:
            members = list(container.values()) if type(container) is dict else container
            inner = [member for member in members if type(member) is dict or type(member) is list]
            if len(inner) > 1 and len(inner) == len(members) and columns(inner) is not None:
                scalars = sum(map(_scalars, inner))
                tabled += scalars
            else:
                scalars = len(members) - len(inner)
                below += inner
            every += scalars
        level = below
    return tabled / every if every else 0.0


def _scalars(value: Any) -> int:
    if type(value) is dict:
        return sum(map(_scalars, value.values()))
    return sum(map(_scalars, value)) if type(value) is list else 1
