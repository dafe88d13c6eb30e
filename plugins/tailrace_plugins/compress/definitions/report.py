"""Tokens of tool definitions, before and after."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tailrace.wire import jsonio
from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.definitions.form import read
from tailrace_plugins.compress.passes import Count


@dataclass(frozen=True, slots=True)
class Row:
    """One tool: its tokens before and after. 0 before: added; 0 after: not in the list any more."""

    name: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Measured:
    """All tools of a request; added ones stand last."""

    rows: tuple[Row, ...]

    @property
    def before(self) -> int:
        """Tokens of all definitions as they came."""
        return sum(row.before for row in self.rows)

    @property
    def after(self) -> int:
        """Tokens of all definitions as they are sent."""
        return sum(row.after for row in self.rows)

    @property
    def saved(self) -> int:
        """Tokens that are saved; negative where there are more."""
        return self.before - self.after


def measured(shape: Shape, before: Sequence[Any], after: Sequence[Any], count: Count) -> Measured:
    """Tokens of each tool before and after. Tools of the same name are told apart by their order."""
    olds, news = dict(_counted(shape, before, count)), dict(_counted(shape, after, count))
    keys = [*olds, *(key for key in news if key not in olds)]
    return Measured(tuple(Row(key[0], olds.get(key, 0), news.get(key, 0)) for key in keys))


def total(tools: Sequence[Any], count: Count) -> int:
    """Tokens of definitions, counted on their compact JSON: close to what a provider counts, and never the same."""
    return sum(tokens(tool, count) for tool in tools)


def tokens(tool: Any, count: Count) -> int:
    """Tokens of one definition; 0 for what is no JSON."""
    try:
        return count(jsonio.dumps(tool).decode())
    except (TypeError, RecursionError):
        return 0


def name_of(shape: Shape, tool: Any) -> str:
    """A tool's name, of one that the provider runs its type; "" where it has neither."""
    form = read(shape, tool)
    if form is not None:
        return form.name
    holder = tool if type(tool) is dict else {}
    inner = holder.get("custom")
    for value in (inner.get("name") if type(inner) is dict else None, holder.get("name"), holder.get("type")):
        if isinstance(value, str):
            return value
    return ""


def _counted(shape: Shape, tools: Sequence[Any], count: Count) -> Iterator[tuple[tuple[str, int], int]]:
    seen: Counter[str] = Counter()
    for tool in tools:
        name = name_of(shape, tool)
        seen[name] += 1
        yield (name, seen[name]), tokens(tool, count)
