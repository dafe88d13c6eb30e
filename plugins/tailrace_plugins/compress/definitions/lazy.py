"""Tools loaded when the model asks for them: a line each in the description of `load_tools`, which the proxy answers.

A list of tools is made at a session's first request and then only grows at its end, so that the provider's cached
prefix holds: the tools that are always defined, `load_tools`, and those loaded in the order in which they were.

Loading is dear: a round more, and as tools stand before all messages, the provider's cache of the whole prompt once.
Measured on 100 conversations of tau-bench (airline; cached tokens at a tenth of the price, the prefix shared by all of
them), input as billed: with its 14 tools 2% less where all that are needed are loaded in one call, 70% more where each
is loaded by itself; with 60 tools 42% and 3% less; with 177 tools 64% and 43% less.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from tailrace.wire import jsonio
from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.definitions.form import Form, made, read
from tailrace_plugins.compress.definitions.report import name_of, tokens
from tailrace_plugins.compress.definitions.shorten import common_sentences, summary
from tailrace_plugins.compress.hidden.nouns import Answered, Call, Tool
from tailrace_plugins.compress.passes import Count

LOAD_TOOLS: Final = "load_tools"
_LINE_CHARS: Final = 120
_LEAST_SAVED: Final = 24
"""Tokens that a tool's line must save, for the tool not to be defined always: a round of the model costs more."""
_LEAST_LAZY: Final = 2
_MOST_NAMES: Final = 64
"""Names in one call that are answered."""
_MOST_UNKNOWN: Final = 8
_MOST_COMPARED: Final = 500
_NAME_CHARS: Final = 128
"""A provider takes no longer name (OpenAI 64, Anthropic 128)."""
_DEFERRED: Final = "defer_loading"
"""Anthropic and OpenAI keep such tools out of the prompt by themselves (their guides on tool search)."""
_ASK: Final = (
    "Loads the definitions of more tools. Before you use one of the tools listed here, call this with the names of all "
    "that you will need; they can be called from then on. Tools:"
)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The tools of a session's first request: `kept` are always defined, `lazy` when they were loaded.

    Only as long-lived as a request: it holds the client's own definitions.
    """

    shape: Shape
    tools: tuple[Any, ...]
    kept: tuple[Any, ...]
    lazy: Mapping[str, Any]
    tool: Tool
    mark: Any = None
    """Anthropic's `cache_control` of the last tool that had one; `load_tools` has it now."""

    def answer(self, call: Call, loaded: Collection[str] = ()) -> Answered:
        """Answer a call of `load_tools` with the definitions that the client sent, in the order asked for.

        `loaded`: names that are loaded already, which are not given again. Never raises; what cannot be understood,
        and names that there are not, are answered in words.
        """
        names = _asked(call.arguments)
        if not names:
            return Answered(
                f'Nothing loaded: the arguments must be JSON such as {{"names": ["{next(iter(self.lazy))}"]}}.'
            )
        wanted = list(dict.fromkeys(names))
        new = [name for name in wanted if name in self.lazy and name not in loaded]
        defined = {name_of(self.shape, tool) for tool in self.kept} | set(loaded)
        said = [f"Loaded: {', '.join(new)}. Call them as needed."] if new else []
        there = [name for name in wanted if name in defined]
        if there:
            said.append(f"Already defined: {', '.join(there)}.")
        unknown = [name for name in wanted if name not in self.lazy and name not in defined]
        said += [self._unknown(name) for name in unknown[:_MOST_UNKNOWN]]
        return Answered(" ".join(said), tuple(_without_mark(self.lazy[name]) for name in new))

    def with_loaded(self, names: Sequence[str] = ()) -> list[Any]:
        """The tools of a request of the session after these were loaded, in their order; unknown names are left out."""
        asks = made(self.shape, self.tool.name, self.tool.description, self.tool.parameters)
        if self.mark is not None:
            asks["cache_control"] = self.mark
        loaded = [_without_mark(self.lazy[name]) for name in dict.fromkeys(names) if name in self.lazy]
        return [*self.kept, asks, *loaded]

    def names_of(self, tools: Sequence[Any]) -> Iterator[str]:
        """The names of definitions."""
        return (name_of(self.shape, tool) for tool in tools)

    def _unknown(self, name: str) -> str:
        # Only what is short is compared: the time that takes grows with the square of the length.
        known = {lazy.lower(): lazy for lazy in islice(self.lazy, _MOST_COMPARED)}
        near = difflib.get_close_matches(name.lower(), known, 1) if len(name) <= _NAME_CHARS else []
        hint = f" Did you mean {known[near[0]]}?" if near else ""
        return f"There is no tool {name[:_NAME_CHARS]}.{hint}"


def catalogue(
    shape: Shape, tools: Sequence[Any], count: Count, called: Collection[str] = (), choice: Any = None
) -> Catalogue | None:
    """The catalogue of a session's first request; None where there is nothing to be loaded lazily.

    `called`: names of tools that its messages have calls of; `choice`: its `tool_choice`. Always defined are these, the
    tools that the provider runs or itself loads lazily, and those that a line saves too little of. None also where two
    tools share a name, one is called `load_tools`, or the choice allows only some: then it could not be called.
    """
    if _allows_only_some(choice):
        return None
    forms = {at: form for at, tool in enumerate(tools) if (form := read(shape, tool)) is not None}
    names = [form.name for form in forms.values()]
    if len(set(names)) < len(names) or LOAD_TOOLS in {name_of(shape, tool) for tool in tools}:
        return None
    common = common_sentences([form.description for form in forms.values()])
    always = {*called, *_chosen(choice)}
    lines: dict[int, str] = {}
    for at, form in forms.items():
        line = _line(form, common)
        is_deferred = form.tool.get(_DEFERRED) or len(form.name) > _NAME_CHARS
        if form.name not in always and not is_deferred and tokens(form.tool, count) - count(line) >= _LEAST_SAVED:
            lines[at] = line
    if len(lines) < _LEAST_LAZY:
        return None
    marks = [tool["cache_control"] for tool in tools if type(tool) is dict and tool.get("cache_control") is not None]
    # The last mark moves on to `load_tools`, which stands behind all of them: the same number of marks, no tool less.
    last = max((at for at, tool in enumerate(tools) if _is_marked(tool)), default=-1)
    kept = [_without_mark(tool) if at == last else tool for at, tool in enumerate(tools) if at not in lines]
    # No `enum` of the names: the lines name them already, and it would cost their tokens once more.
    parameters = {
        "type": "object",
        "properties": {"names": {"type": "array", "items": {"type": "string"}}},
        "required": ["names"],
    }
    asks = Tool(LOAD_TOOLS, "\n".join([_ASK, *lines.values()]), parameters)
    lazy = {forms[at].name: tools[at] for at in lines}
    return Catalogue(shape, tuple(tools), tuple(kept), lazy, asks, marks[-1] if marks else None)


def _chosen(choice: Any) -> Iterator[str]:
    """The tool that must be called: chat nests its name, the other dialects do not."""
    if type(choice) is dict:
        inner = choice.get("function")
        for holder in (choice, inner):
            if type(holder) is dict and isinstance(holder.get("name"), str):
                yield holder["name"]


def _allows_only_some(choice: Any) -> bool:
    return type(choice) is dict and choice.get("type") == "allowed_tools"


def _line(form: Form, common: Collection[str]) -> str:
    said = summary(form.description, _LINE_CHARS, common)
    return f"{form.name}: {said}" if said else form.name


def _asked(arguments: str) -> list[str]:
    """The names in a call's arguments; none where they are not understood."""
    try:
        given = jsonio.loads(arguments)
    except jsonio.BadJson:
        return []
    names = given.get("names") if type(given) is dict else given
    if isinstance(names, str):
        # Models write one name, or some in one text, where a list is asked for.
        names = names.split(",")
    return [name.strip() for name in _list(names)[:_MOST_NAMES] if isinstance(name, str) and name.strip()]


def _is_marked(tool: Any) -> bool:
    return type(tool) is dict and tool.get("cache_control") is not None


def _without_mark(tool: Any) -> Any:
    """A definition without Anthropic's `cache_control`, of which a request may have four in all."""
    return {key: value for key, value in tool.items() if key != "cache_control"} if _is_marked(tool) else tool


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []
