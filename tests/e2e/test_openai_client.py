"""The official openai client against the running proxy: what it gets directly, it gets through the proxy."""

import asyncio
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from tailrace.sim import RunningSim

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Tell me about tides."}]

WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["c", "f"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture
async def direct(sim: RunningSim) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=sim.url, api_key="sk-client-test", max_retries=0)


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Equal but for what differs between any two calls."""
    drop = {"id", "created", "created_at", "item_id", "response_id", "call_id"}

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if k not in drop}
        if isinstance(value, list):
            return [plain(v) for v in value]
        return value

    return bool(plain(a) == plain(b))


async def test_chat(client: openai.AsyncOpenAI, direct: openai.AsyncOpenAI) -> None:
    through = await client.chat.completions.create(model="gpt-4o", messages=HELLO, temperature=0)
    straight = await direct.chat.completions.create(model="gpt-4o", messages=HELLO, temperature=0)
    assert through.choices[0].message.content
    assert through.usage is not None and through.usage.completion_tokens > 0
    assert same(through.model_dump(), straight.model_dump())


async def test_chat_stream(client: openai.AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model="gpt-4o", messages=HELLO)
    text, finish, usage = "", None, None
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    assert text == whole.choices[0].message.content
    assert finish == "stop"
    assert usage is not None and whole.usage is not None and usage.total_tokens == whole.usage.total_tokens


async def test_several_choices(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="gpt-4o", messages=HELLO, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    seen = set()
    async for chunk in await client.chat.completions.create(model="gpt-4o", messages=HELLO, n=3, stream=True):
        seen |= {choice.index for choice in chunk.choices if choice.finish_reason}
    assert seen == {0, 1, 2}


@pytest.mark.parametrize("stream", [False, True])
async def test_tool_loop(client: openai.AsyncOpenAI, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Weather in Ghent? [[sim: rounds=3]]"}]
    turn = -1
    while turn < 5:
        turn += 1
        if stream:
            async with client.chat.completions.stream(model="gpt-4o", messages=messages, tools=[WEATHER]) as events:
                answer = await events.get_final_completion()
        else:
            answer = await client.chat.completions.create(model="gpt-4o", messages=messages, tools=[WEATHER])
        message = answer.choices[0].message
        if not message.tool_calls:
            break
        messages.append(message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}))
        for call in message.tool_calls:
            assert call.function.name == "get_weather"  # type: ignore[union-attr]
            messages.append({"role": "tool", "tool_call_id": call.id, "content": '{"celsius": 9}'})
    assert turn == 3
    assert answer.choices[0].finish_reason == "stop"


async def test_responses(client: openai.AsyncOpenAI) -> None:
    answer = await client.responses.create(model="gpt-4o", input="Tell me about tides.")
    assert answer.output_text
    final = None
    async with client.responses.stream(model="gpt-4o", input="Tell me about tides.") as stream:
        async for event in stream:
            if event.type == "response.completed":
                final = event.response
    assert final is not None and final.output_text == answer.output_text
    again = await client.responses.retrieve(answer.id)
    assert again.id == answer.id
    items = await client.responses.input_items.list(answer.id)
    assert items.data


async def test_embeddings_completions_models(client: openai.AsyncOpenAI) -> None:
    vectors = await client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    assert len(vectors.data) == 2
    legacy = await client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once upon")
    assert legacy.choices[0].text
    names = [model.id async for model in client.models.list()]
    assert "gpt-4o" in names
    one = await client.models.retrieve("gpt-4o")
    assert one.id == "gpt-4o"


async def test_files_and_speech(client: openai.AsyncOpenAI) -> None:
    made = await client.files.create(file=("data.jsonl", b"x" * 300_000), purpose="batch")
    assert made.bytes == 300_000
    content = await client.files.content("file-bytes-1000000")
    assert len(content.read()) == 1_000_000
    speech = await client.audio.speech.create(model="tts-1", voice="alloy", input="hello")
    assert speech.read()


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("fault-400", openai.BadRequestError),
        ("fault-404", openai.NotFoundError),
        ("fault-422", openai.UnprocessableEntityError),
        ("fault-429", openai.RateLimitError),
        ("fault-500", openai.InternalServerError),
        ("fault-quota", openai.RateLimitError),
        ("fault-401", openai.AuthenticationError),
        ("fault-403", openai.PermissionDeniedError),
    ],
)
async def test_errors_keep_their_class(
    client: openai.AsyncOpenAI, model: str, error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error) as raised:
        await client.chat.completions.create(model=model, messages=HELLO)
    assert raised.value.body is not None and raised.value.request_id


async def test_own_retries_of_the_client(proxy: Any) -> None:
    async with openai.AsyncOpenAI(base_url=proxy.url, api_key="sk-x", max_retries=3) as patient:
        # Two failures are more than the proxy's one retry mends: it says x-should-retry: false only for its own.
        answer = await patient.chat.completions.create(model="fault-429-times-1-patient", messages=HELLO)
        assert answer.choices[0].message.content


async def test_sync_client(proxy: Any) -> None:
    def calls() -> tuple[str | None, str]:
        with openai.OpenAI(base_url=proxy.url, api_key="sk-x", max_retries=0) as sync:
            answer = sync.chat.completions.create(model="gpt-4o", messages=HELLO)
            stream = sync.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
            text = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
            return answer.choices[0].message.content, text

    # In a thread: the simulated provider lives on this test's loop.
    whole, streamed = await asyncio.to_thread(calls)
    assert whole and whole == streamed


async def test_many_at_once(client: openai.AsyncOpenAI) -> None:
    answers = await asyncio.gather(
        *(
            client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": f"Number {n}"}])
            for n in range(60)
        )
    )
    assert all(f"Number {n}" in (a.choices[0].message.content or "") for n, a in enumerate(answers))
