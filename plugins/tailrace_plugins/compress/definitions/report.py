"""Tokens of tool definitions, and their names."""

from collections.abc import Sequence
from typing import Any

from tailrace.wire import jsonio
from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.definitions.form import read
from tailrace_plugins.compress.passes import Count


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
