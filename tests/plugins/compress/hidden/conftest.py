"""A plugin that offers one hidden tool and nothing else, and answers of all three shapes."""

from types import SimpleNamespace

import pytest

from tailrace.plugin import Plugin
from tailrace.testing import chat_chunk, data, exchange, plugin, run, services
from tailrace.wire import jsonio
from tailrace.wire.endpoints import CHAT, MESSAGES, RESPONSES
from tailrace.wire.replay import stream_events
from tailrace.wire.sse import DONE
from tailrace_plugins.compress.hidden.nouns import Answered, Tool
from tailrace_plugins.compress.hidden.offer import definition
from tailrace_plugins.compress.hidden.rounds import ask as asked

SHAPES = {"chat": CHAT, "responses": RESPONSES, "messages": MESSAGES}
EXPAND = Tool("expand", "Gives a text back.", {"type": "object", "properties": {"id": {"type": "string"}}})
LOOK = Tool("expand_all", "The client's own.", {"type": "object"})
NAMES = frozenset({"expand"})


class Hiding(Plugin):
    """Offers `expand`."""

    name = "compress"

    def __init__(self, settings, services):
        super().__init__(settings, services)
        self.kept, self.calls, self.rounds = [], [], []
        self.most_rounds, self.more, self.keep_fails, self.answer_fails = 3, (), False, False

    def answering(self, call):
        if self.answer_fails:
            raise RuntimeError("a defect")
        self.calls.append(call)
        return Answered(f"text of {call.arguments}", self.more)

    def keep(self, inserted):
        self.kept.append(inserted)
        if self.keep_fails:
            raise RuntimeError("a defect")

    async def handle(self, exchange, call_next):
        changes = {"tools": [*exchange.payload["tools"], definition(exchange.endpoint.shape, EXPAND)]}
        exchange.acted("hid")
        return await asked(
            exchange.rewrite(changes), call_next, NAMES, self.answering,
            most_rounds=self.most_rounds, keep=self.keep, counted=self.rounds.append,
        )  # fmt: skip


def payload(shape, **more):
    said = [{"role": "user", "content": "Why?"}]
    return {
        "model": "m",
        "input" if shape == "responses" else "messages": said,
        "tools": [definition(shape, LOOK)],
        **({"store": False} if shape == "responses" else {}),
        **more,
    }


def usage(shape, spent, output):
    if shape == "chat":
        return {"prompt_tokens": spent, "completion_tokens": output, "total_tokens": spent + output}
    return {"input_tokens": spent, "output_tokens": output}


def answer(shape, *parts, number=1, ended=None, spent=100, thought=None, **more):
    """A whole answer. A part is a text, or a call as (name, arguments)."""
    calls = [part for part in parts if not isinstance(part, str)]
    texts = [part for part in parts if isinstance(part, str)]
    counted = usage(shape, spent, 7)
    if shape == "chat":
        message = {"role": "assistant", "content": "".join(texts) or None}
        if calls:
            message["tool_calls"] = [
                {"id": f"call_{number}{place}", "type": "function", "function": {"name": name, "arguments": given}}
                for place, (name, given) in enumerate(calls)
            ]
        if thought:
            message["reasoning_content"] = thought
        ended = ended or ("tool_calls" if calls else "stop")
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": ended}
        about = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": number, "model": "m"}
        return {**about, "choices": [choice], "usage": counted, **more}
    items = []
    if thought and shape == "messages":
        items.append({"type": "thinking", "thinking": thought, "signature": f"sig{number}"})
    elif thought:
        items.append({"id": f"rs_{number}", "type": "reasoning", "summary": [], "encrypted_content": thought})
    for place, part in enumerate(parts):
        if shape == "messages":
            items.append(
                {"type": "text", "text": part}
                if isinstance(part, str)
                else {
                    "type": "tool_use",
                    "id": f"toolu_{number}{place}",
                    "name": part[0],
                    "input": jsonio.loads(part[1]),
                }
            )
        elif isinstance(part, str):
            text = {"type": "output_text", "text": part, "annotations": []}
            about = {"id": f"msg_{number}{place}", "type": "message", "role": "assistant", "status": "completed"}
            items.append({**about, "content": [text]})
        else:
            call = {"type": "function_call", "id": f"fc_{number}{place}", "call_id": f"call_{number}{place}"}
            items.append({**call, "name": part[0], "arguments": part[1], "status": "completed"})
    if shape == "messages":
        ended = ended or ("tool_use" if calls else "end_turn")
        about = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "m"}
        return {**about, "content": items, "stop_reason": ended, "stop_sequence": None, "usage": counted, **more}
    about = {"id": f"resp_{number}", "object": "response", "created_at": number, "model": "m"}
    counted = {
        **counted,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    counted["total_tokens"] = spent + 7
    told = {"output": items, "status": ended or "completed", "parallel_tool_calls": True, "tool_choice": "auto"}
    return {**about, **told, "tools": [], "usage": counted, **more}


def frames(shape, body, piece_chars=3):
    """The answer as the frames of a stream."""
    return list(stream_events(shape, body, include_usage=True, piece_chars=piece_chars))


def echo(shape):
    """What a Responses object repeats of the request's tools."""
    return {"tools": [definition(shape, LOOK), definition(shape, EXPAND)]} if shape == "responses" else {}


@pytest.fixture
def kit():
    """`kit.ask(shape, *answers, payload={...})` asks once, of a fresh plugin: (result, plugin)."""

    async def ask(shape, *answers, plugin_set=None, payload=None, **more):
        using = plugin(Hiding, services=services())
        for name, value in (plugin_set or {}).items():
            setattr(using, name, value)
        given = exchange(_payload(shape, **(payload or {})), endpoint=SHAPES[shape])
        result = await run(using, given, *answers, **more)
        await using.services.tasks.drain(5)
        return result, using

    return SimpleNamespace(
        ask=ask, answer=answer, frames=frames, payload=_payload, echo=echo, chat_chunk=chat_chunk, data=data, DONE=DONE,
        names=NAMES, expand=EXPAND, look=LOOK, shapes=tuple(SHAPES), usage=usage,
    )  # fmt: skip


_payload = payload
