"""What the caches' tests share: entries, answers of each kind, and their endpoints."""

from dataclasses import replace

from tailrace.cache.entry import Entry
from tailrace.testing import ManualClock
from tailrace.wire import jsonio
from tailrace.wire.endpoints import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES

ENDPOINTS = {"chat": CHAT, "completions": COMPLETIONS, "embeddings": EMBEDDINGS}
ENDPOINTS |= {"responses": RESPONSES, "messages": MESSAGES}

NOW = 1_700_000_000.0
"""Where a `ManualClock`'s wall clock begins."""

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def chat_answer(text="Hello", *, finish="stop", usage=USAGE, **message):
    """A whole chat answer; `message` adds fields to the message, which has `text`."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    told = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return {**told, "usage": usage} if usage is not None else told


def tool_call(id_="call_1", name="get_weather", arguments='{"city": "Ghent"}'):
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def response_answer(text="Hello", status="completed", **more):
    parts = [{"type": "output_text", "text": text, "annotations": []}]
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": parts}
    told = {"id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": "m", "output": [item]}
    return {**told, "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}, **more}


def message_answer(text="Hello", stop_reason="end_turn", **more):
    told = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": stop_reason}
    usage = {"input_tokens": 10, "output_tokens": 5}
    return {**told, "stop_sequence": None, "content": [{"type": "text", "text": text}], "usage": usage, **more}


def completion_answer(text="Hello", finish="stop"):
    choice = {"index": 0, "text": text, "finish_reason": finish, "logprobs": None}
    told = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]}
    return {**told, "usage": USAGE}


ANSWERS = {"chat": chat_answer, "completions": completion_answer}
ANSWERS |= {"responses": response_answer, "messages": message_answer}


def entry(key="k", body=None, **more):
    """An entry of an hour, made at `NOW`."""
    given = {"cache": "exact_cache", "tenant": "tenant", "kind": "chat", "model": "m", "created": NOW}
    told = body if isinstance(body, bytes) else jsonio.dumps(body if body is not None else chat_answer())
    return Entry(key=key, body=told, **{**given, "expires": NOW + 3600, **more})


def sized(key, size, **more):
    """An entry of exactly `size` bytes, overhead included."""
    made = entry(key, b"", **more)
    return replace(made, body=b"x" * (size - made.size_bytes))


class Wall:
    """A `ManualClock` as the stores take it: a function of seconds since the epoch."""

    def __init__(self, clock=None):
        self.clock = clock or ManualClock()

    def __call__(self):
        return self.clock.wall_ns() / 1e9

    def advance(self, seconds):
        self.clock.advance(seconds)
