"""Whether a request may be offered more tools than its client knows of, and the request that offers them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.hidden.nouns import Tool
from tailrace_plugins.compress.locate import history, is_models

_OWN: Final = ("function", "custom")
"""Types of tools that a client of OpenAI's runs itself."""
_ANTHROPICS: Final = ("bash_", "text_editor_", "computer_", "memory_")
"""Tools that Anthropic describes and the client runs; all others with a type of theirs run at Anthropic."""


def may_offer(shape: Shape | None, payload: Mapping[str, Any], tools: Sequence[Tool]) -> str | None:
    """None if the tools may be offered, else why not, in one of a few words.

    - `no-tools`: the client has none of its own. It may not expect a model that stops to call some.
    - `many-answers`: it wants several; each would call for itself.
    - `name-clash`: one of its tools has such a name.
    - `kept-at-provider`: the provider keeps the conversation, with calls in it that the client cannot answer. Of a
      Responses request that is to be stored (the default) and says nothing of the model's, the next may build on that.
    - `background`: the answer is fetched later, past this proxy.
    - `prefilled`: the model is to go on with a message that has begun.
    """
    given = payload.get("tools")
    if shape not in ("chat", "responses", "messages") or type(given) is not list:
        return "no-tools"
    if not any(_is_own(shape, tool) for tool in given):
        return "no-tools"
    if payload.get("n") not in (None, 1):
        return "many-answers"
    if not {tool.name for tool in tools}.isdisjoint(names_of(given)):
        return "name-clash"
    messages = history(shape, payload) or []
    if shape == "responses":
        if payload.get("previous_response_id") or payload.get("conversation"):
            return "kept-at-provider"
        if payload.get("background"):
            return "background"
        if payload.get("store") is not False and not any(map(is_models, messages)):
            return "kept-at-provider"
    elif messages and is_models(messages[-1]):
        return "prefilled"
    return None


def definition(shape: Shape, tool: Tool) -> dict[str, Any]:
    """A tool in the words of a dialect."""
    if shape == "messages":
        return {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
    told = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    if shape == "responses":
        # Strict is the default there, and refuses a schema with anything optional.
        return {"type": "function", **told, "strict": False}
    return {"type": "function", "function": told}


def names_of(tools: Sequence[Any]) -> Iterator[str]:
    """The names of tools, in whichever dialect."""
    for tool in tools:
        if type(tool) is dict:
            for holder in (tool, tool.get("function"), tool.get("custom")):
                if type(holder) is dict and type(name := holder.get("name")) is str:
                    yield name


def _is_own(shape: Shape, tool: Any) -> bool:
    if type(tool) is not dict:
        return False
    kind = tool.get("type")
    if shape == "messages":
        return kind in (None, "custom") or (type(kind) is str and kind.startswith(_ANTHROPICS))
    return kind in _OWN
