"""Where in a tool's definition its name, description and schema stand, in each of the three request dialects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tailrace.wire.endpoints import Shape

_SCHEMAS: Final[Mapping[str, str]] = {"chat": "parameters", "responses": "parameters", "messages": "input_schema"}


@dataclass(frozen=True, slots=True)
class Form:
    """A tool that the client runs, as read. `description` is "" and `schema` empty where it has none.

    `strict`: a provider may hold the schema to its rules for such, and refuses the request where they are broken.
    """

    shape: Shape
    tool: Mapping[str, Any]
    name: str
    description: str
    schema: Mapping[str, Any]
    strict: bool

    def written(self, description: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The definition with another description and schema: all else as it was, nothing added.

        The same object where neither is another.
        """
        if description == self.description and schema is self.schema:
            return self.tool
        holder = self.tool["function"] if self.shape == "chat" else self.tool
        made = dict(holder)
        if description != self.description:
            made["description"] = description
        if schema is not self.schema:
            made[_SCHEMAS[self.shape]] = schema
        return {**self.tool, "function": made} if self.shape == "chat" else made


def read(shape: Shape, tool: Any) -> Form | None:
    """The tool's form; None for one that the provider runs itself, and for what is not understood."""
    if type(tool) is not dict:
        return None
    kind = tool.get("type")
    holder: Any = tool
    if shape == "chat":
        holder = tool.get("function") if kind == "function" else None
    elif shape == "responses":
        holder = tool if kind == "function" else None
    elif shape != "messages" or kind not in (None, "custom"):
        return None
    if type(holder) is not dict:
        return None
    name, description, schema = holder.get("name"), holder.get("description", ""), holder.get(_SCHEMAS[shape])
    if not isinstance(name, str) or not name:
        return None
    strict = holder.get("strict")
    return Form(
        shape,
        tool,
        name,
        description if isinstance(description, str) else "",
        schema if type(schema) is dict else {},
        # Responses makes a schema strict by itself, unless it is told not to (OpenAI's guide on function calling).
        bool(strict) or (shape == "responses" and strict is not False),
    )


def made(shape: Shape, name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A tool's definition in a dialect, held to no strict rules."""
    if shape == "messages":
        return {"name": name, "description": description, "input_schema": schema}
    holder = {"name": name, "description": description, "parameters": schema}
    if shape == "responses":
        return {"type": "function", **holder, "strict": False}
    return {"type": "function", "function": holder}
