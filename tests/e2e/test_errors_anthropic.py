"""Errors and answers as the official anthropic client reads them."""

from collections.abc import Iterator
from typing import Any

import aiohttp
import anthropic
import pytest
from e2e_kit import (
    SECRET,
    Serve,
    Served,
    Sim,
    fresh,
    is_anthropic_error,
    send,
)
from e2e_kit.errors import plain_proxy


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Iterator[Served]:
    with plain_proxy(shared_serve, shared_sim) as served:
        yield served


async def test_anthropic_client(plain: Served, shared_sim: Sim) -> None:
    tool: Any = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    ask: Any = {"model": "claude-sim", "max_tokens": 300}
    hello: Any = [{"role": "user", "content": "Tell me about tides."}]
    async with anthropic.AsyncAnthropic(base_url=plain.root, api_key=SECRET, max_retries=0) as client:
        message = await client.messages.create(messages=hello, **ask)
        assert message.content[0].type == "text" and message.usage.output_tokens > 0
        async with client.messages.stream(messages=hello, **ask) as stream:
            text = "".join([piece async for piece in stream.text_stream])
            final = await stream.get_final_message()
        assert text == message.content[0].text and final.stop_reason == message.stop_reason
        counted = await client.messages.count_tokens(model=ask["model"], messages=hello)
        assert counted.input_tokens > 0
        messages: Any = [{"role": "user", "content": "Weather in Ghent? [[sim: rounds=2]]"}]
        rounds = -1
        while rounds < 5:
            rounds += 1
            async with client.messages.stream(messages=messages, tools=[tool], **ask) as stream:
                answer = await stream.get_final_message()
            calls = [block for block in answer.content if block.type == "tool_use"]
            if not calls:
                break
            messages.append({"role": "assistant", "content": [block.model_dump() for block in answer.content]})
            results = [{"type": "tool_result", "tool_use_id": call.id, "content": "9 degrees"} for call in calls]
            messages.append({"role": "user", "content": results})
        assert rounds == 2


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("fault-400", anthropic.BadRequestError),
        ("fault-401", anthropic.AuthenticationError),
        ("fault-403", anthropic.PermissionDeniedError),
        ("fault-404", anthropic.NotFoundError),
        ("fault-429", anthropic.RateLimitError),
        ("fault-529", anthropic.APIStatusError),
        ("fault-empty-200", anthropic.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_anthropic_clients_errors(
    plain: Served, model: str, error: type[anthropic.APIStatusError], stream: bool
) -> None:
    ask: Any = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    async with anthropic.AsyncAnthropic(base_url=plain.root, api_key=SECRET, max_retries=0) as client:
        with pytest.raises(error) as raised:
            await client.messages.create(stream=stream, **ask)
    assert is_anthropic_error(raised.value.body)


async def test_anthropic_version_and_key_reach_the_provider(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim
) -> None:
    test_id = fresh()
    headers: dict[str, str | None]
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"x-test-id": test_id, "anthropic-beta": "tools-2024", "x-api-key": "sk-ant-1", "authorization": None}
    answer = await send(http, plain.url + "/messages", body, headers=headers)
    assert answer.status == 200
    [entry] = shared_sim.entries(test_id)
    sent = {name.lower(): value for name, value in entry["headers"]}
    assert sent["anthropic-version"] == "2023-06-01" and sent["anthropic-beta"] == "tools-2024"
    assert "x-api-key" in sent
