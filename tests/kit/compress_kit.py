"""Conversations of all shapes that grow turn by turn, a counter of tokens that loads nothing, a provider's bill."""

import os.path
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tailrace.plugin import Services
from tailrace.prices import Price
from tailrace.testing import exchange, plugin, run, services, whole
from tailrace.wire import jsonio
from tailrace.wire.endpoints import CHAT, MESSAGES, RESPONSES
from tailrace.wire.usage import Usage
from tailrace_plugins.compress.passes import Result
from tailrace_plugins.compress.plugin import CompressPlugin

SHAPES = {"chat": CHAT, "responses": RESPONSES, "messages": MESSAGES}
PRICE = Price(2.5, 10.0, 0.25)


class Quarter:
    """Four characters are a token."""

    def __init__(self) -> None:
        self.loaded = 0

    def load(self, model: str = "") -> None:
        self.loaded += 1

    def count(self, text: str, model: str = "") -> int:
        return -(-len(text) // 4)


def minified(piece: Any, switches: Any, count: Any, earlier: Any = ()) -> Result | None:
    """A pass of the test's own: JSON without blanks."""
    try:
        text = jsonio.dumps(jsonio.loads(piece.text)).decode()
    except jsonio.BadJson:
        return None
    return Result(text, ("minify",), True) if len(text) < len(piece.text) else None


def lent(**more: Any) -> Services:
    """What the proxy lends, with a counter that needs no vocabulary."""
    return replace(services(**more), tokens=Quarter())  # type: ignore[arg-type]


def compressor(settings: Mapping[str, Any] | None = None, services: Services | None = None) -> CompressPlugin:
    """A plugin for short prompts; how long they have to be is a test of its own."""
    given = {"least_prompt_tokens": 0, "persist": False, **(settings or {})}
    return plugin(CompressPlugin, given, services=services or lent())


def listing(rows: int = 6, start: int = 0) -> str:
    """JSON as tools print it: two thirds of it is indented."""
    pairs = (f'    {{\n      "id": {start + n},\n      "name": "flight {start + n}"\n    }}' for n in range(rows))
    return "[\n" + ",\n".join(pairs) + "\n]"


@dataclass
class Loop:
    """An agent's conversation: `step` adds a turn of the model's and the results of its calls."""

    shape: str
    more: dict[str, Any] = field(default_factory=dict)
    messages: list[Any] = field(default_factory=list)
    turns: int = 0

    def __post_init__(self) -> None:
        if not self.messages:
            self.messages.append({"role": "user", "content": "find me a flight"})
            if self.shape == "chat":
                self.messages.insert(0, {"role": "system", "content": "You book flights."})

    @property
    def key(self) -> str:
        return "input" if self.shape == "responses" else "messages"

    def payload(self) -> dict[str, Any]:
        system = {"responses": "instructions", "messages": "system"}.get(self.shape)
        extra = {system: "You book flights."} if system else {}
        return {"model": "gpt-4o", **extra, self.key: list(self.messages), **self.more}

    def step(self, *results: Any) -> "Loop":
        """One turn: the model calls a tool for each result."""
        ids = [f"call_{self.turns}_{n}" for n in range(len(results))]
        self.turns += 1
        arguments = '{"day":"friday"}'
        if self.shape == "chat":
            calls = [{"id": i, "type": "function", "function": {"name": "search", "arguments": arguments}} for i in ids]
            self.messages.append({"role": "assistant", "content": None, "tool_calls": calls})
            self.messages += [
                {"role": "tool", "tool_call_id": i, "content": text} for i, text in zip(ids, results, strict=True)
            ]
        elif self.shape == "responses":
            self.messages += [
                {"type": "function_call", "call_id": i, "name": "search", "arguments": arguments} for i in ids
            ]
            self.messages += [
                {"type": "function_call_output", "call_id": i, "output": text}
                for i, text in zip(ids, results, strict=True)
            ]
        else:
            calls = [{"type": "tool_use", "id": i, "name": "search", "input": {"day": "friday"}} for i in ids]
            self.messages.append({"role": "assistant", "content": calls})
            blocks = [
                {"type": "tool_result", "tool_use_id": i, "content": text} for i, text in zip(ids, results, strict=True)
            ]
            self.messages.append({"role": "user", "content": blocks})
        return self

    def results(self, messages: Any = None) -> list[Any]:
        """The contents of all tool results, as they stand in the messages (the conversation's own, if not given)."""
        found: list[Any] = []
        for message in self.messages if messages is None else messages:
            if self.shape == "responses" and "output" in message:
                found.append(message["output"])
            elif self.shape == "chat" and message["role"] == "tool":
                found.append(message["content"])
            elif self.shape == "messages" and isinstance(message["content"], list):
                found += [block["content"] for block in message["content"] if block["type"] == "tool_result"]
        return found


async def send(made: CompressPlugin, loop: Loop, answer: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """Take the conversation as it stands (or these bytes, `raw`) through the plugin."""
    given = exchange(more.pop("raw", None) or loop.payload(), endpoint=SHAPES[loop.shape], **more)
    return await run(made, given, whole(answer or {}))


def sent(result: Any) -> Any:
    """The messages that the provider got."""
    payload = result.upstream.got[-1].payload
    return payload["input"] if "input" in payload else payload["messages"]


@dataclass
class Bill:
    """A provider that keeps prefixes: what each prompt costs, cache writes at the input price."""

    price: Price = PRICE
    prompts: list[str] = field(default_factory=list)
    usd: float = 0.0
    usages: list[Usage] = field(default_factory=list)

    def ask(self, messages: Any) -> Usage:
        prompt = jsonio.dumps(messages).decode()[:-1]
        same = max((len(os.path.commonprefix([prompt, before])) for before in self.prompts), default=0)
        self.prompts.append(prompt)
        cached = same // 4 // 128 * 128
        usage = Usage(len(prompt) // 4, 0, cached if cached >= 1_024 else 0)
        self.usages.append(usage)
        self.usd += self.price.cost(usage)
        return usage
