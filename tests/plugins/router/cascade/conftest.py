"""What the tests of the cascade share: a plugin that does nothing else, answers of both models, streams with logprobs."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import settings

from tailrace.plugin import Plugin
from tailrace.testing import chat_chunk, exchange, plugin, run, services
from tailrace.wire.conversation import read_conversation
from tailrace.wire.sse import DONE
from tailrace_plugins.router.cascade.run import Cascade
from tailrace_plugins.router.cascade.settings import CascadeSettings

settings.register_profile("cascade", deadline=None)
settings.load_profile("cascade")

USAGE = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}


class Cascading(Plugin):
    """The cascade alone: `small` first, then `big`."""

    name = "router"

    def __init__(self, settings, services):
        super().__init__(settings, services)
        self.cascade = None
        self.results = []

    async def handle(self, exchange, call_next):
        conversation = read_conversation(exchange.endpoint.shape, exchange.payload)
        result = await self.cascade.run(
            exchange,
            exchange.rewrite({"model": "small"}),
            exchange.rewrite({"model": "big"}),
            call_next,
            output=conversation.output,
            tools=frozenset(tool.name for tool in conversation.tools),
        )
        self.results.append(result)
        exchange.acted("accepted" if result.accepted else "escalated")
        return result.reply


def body(text="An answer.", finish="stop", model="small", logprobs=None, usage=USAGE, **message):
    told = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    if logprobs is not None:
        told["logprobs"] = tokens(*logprobs)
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model, "choices": [told]}
    return whole if usage is None else {**whole, "usage": usage}


def tokens(*probabilities):
    listed = [{"token": "t", "logprob": math.log(p), "bytes": None, "top_logprobs": []} for p in probabilities]
    return {"content": listed, "refusal": None}


def chunk(text, probability):
    """A chunk of a stream with one token's log probability."""
    said = {"index": 0, "delta": {"content": text}, "logprobs": tokens(probability), "finish_reason": None}
    return chat_chunk(choices=[said])


def likely(*pieces, probability=0.99):
    """A complete chat stream with log probabilities."""
    return [
        chat_chunk({"role": "assistant", "content": ""}),
        *(chunk(piece, probability) for piece in pieces),
        chat_chunk(finish="stop"),
        DONE,
    ]


def words(count):
    """So many pieces, a token each."""
    return [f"w{place} " for place in range(count)]


@pytest.fixture
def kit(tmp_path):
    """`kit.ask(payload, *answers, cascade={...}, **run's)` asks once; see the functions above for the rest."""

    def made(**cascade):
        lent = services(data_dir=tmp_path)
        cascading = plugin(Cascading, services=lent)
        cascading.cascade = Cascade(CascadeSettings(enabled=True, **cascade), lent)
        return cascading

    async def ask(payload, *answers, cascade=None, plugin=None, endpoint=None, headers=None, tenant="tenant", **more):
        using = plugin or made(**(cascade or {}))
        where = {} if endpoint is None else {"endpoint": endpoint}
        asked = exchange(
            {"model": "auto", "messages": [{"role": "user", "content": "Why?"}], **payload},
            headers=headers,
            tenant=tenant,
            **where,
        )
        result = await run(using, asked, *answers, **more)
        await using.services.tasks.drain(5)
        return result, (using.results[-1] if using.results else None)

    return SimpleNamespace(ask=ask, made=made, body=body, chunk=chunk, likely=likely, words=words, folder=tmp_path)
