"""Which requests must not be asked twice, or have no answer that can be judged. Pure."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from tailrace.exchange import Exchange
from tailrace.wire.endpoints import EndpointKind

Unfit = Literal["", "endpoint", "several-answers", "stateful", "server-tools", "media"]

_KINDS: Final = frozenset({EndpointKind.CHAT, EndpointKind.COMPLETIONS, EndpointKind.RESPONSES, EndpointKind.MESSAGES})
_SERVER_TOOLS: Final = (
    "mcp",
    "web_search",
    "web_fetch",
    "file_search",
    "code_interpreter",
    "code_execution",
    "image_generation",
    "tool_search",
    "advisor",
)
"""Types of tools that the provider runs itself: asked twice they are billed twice, and an MCP server acts twice."""


def unfit(exchange: Exchange) -> Unfit:
    """Why a request cannot go through a cascade, "" where it can.

    `stateful`: each answer would be written into a conversation at the provider, or come later (`background`). A stored
    copy of a dropped answer (`store`) that nobody asks for is no obstacle.
    """
    if exchange.endpoint.kind not in _KINDS:
        return "endpoint"
    payload = exchange.payload
    if any(payload.get(name) not in (None, 1) for name in ("n", "best_of")) or _many(payload.get("prompt")):
        return "several-answers"
    if payload.get("conversation") or payload.get("background") is True:
        return "stateful"
    if payload.get("mcp_servers") or payload.get("web_search_options") or _runs_tools(payload.get("tools")):
        return "server-tools"
    modalities = payload.get("modalities")
    if payload.get("audio") or (isinstance(modalities, list) and modalities != ["text"]):
        return "media"
    return ""


def _many(prompt: Any) -> bool:
    """Several prompts in one request; a list of numbers is one, in tokens."""
    return isinstance(prompt, list) and len(prompt) > 1 and type(prompt[0]) is not int


def _runs_tools(tools: Any) -> bool:
    return isinstance(tools, list) and any(
        isinstance(tool, Mapping) and str(tool.get("type")).startswith(_SERVER_TOOLS) for tool in tools
    )
