"""The official clients, twice, through the running proxy: the second time no provider is asked."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from e2e_kit import Serve, Served, Sim, fresh, proxy_config
from openai.types.chat import ChatCompletionToolParam

WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture(scope="module")
def cached(shared_serve: Serve, shared_sim: Sim) -> Iterator[Served]:
    providers = {"sim": {"base_url": shared_sim.url}, "claude": {"base_url": shared_sim.url, "dialect": "anthropic"}}
    yield shared_serve(proxy_config(shared_sim.url, providers=providers))


@pytest.fixture
async def ai(cached: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=cached.url, api_key="sk-client", max_retries=0) as made:
        yield made


@pytest.fixture
async def claude(cached: Served) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=cached.root, api_key="sk-client", max_retries=0) as made:
        yield made


def plain(value: Any) -> Any:
    """Without what a new answer has anew, and the mark in usage."""
    gone = {
        "id",
        "created",
        "created_at",
        "completed_at",
        "item_id",
        "response_id",
        "call_id",
        "tailrace",
        "tool_call_id",
    }
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items() if name not in gone}
    return [plain(member) for member in value] if isinstance(value, list) else value


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": f"Tides? {fresh()}"}], "temperature": 0, **more}


USAGE = {"stream_options": {"include_usage": True}}


async def whole(create: Any, asked: dict[str, Any]) -> tuple[Any, Any]:
    """The answer as a value, and the headers."""
    raw = await create.with_raw_response.create(**asked)
    return raw.parse().model_dump(), raw.headers


async def streamed(create: Any, asked: dict[str, Any]) -> tuple[Any, Any]:
    """The events as values, and the headers."""
    async with create.with_streaming_response.create(**asked, stream=True) as raw:
        return [event.model_dump() async for event in await raw.parse()], raw.headers


CASES: dict[str, tuple[Callable[[Any], Any], Callable[[], dict[str, Any]]]] = {
    "chat": (lambda ai: ai.chat.completions, chat),
    "chat with usage": (lambda ai: ai.chat.completions, lambda: chat(extra_body=USAGE)),
    "chat with tools": (lambda ai: ai.chat.completions, lambda: chat(tools=[WEATHER])),
    "chat with several choices": (lambda ai: ai.chat.completions, lambda: chat(n=2)),
    "completions": (
        lambda ai: ai.completions, lambda: {"model": "gpt-3.5-turbo-instruct", "prompt": fresh(), "temperature": 0},
    ),
    "responses": (
        lambda ai: ai.responses, lambda: {"model": "gpt-4o", "input": fresh(), "store": False, "temperature": 0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize("case", CASES)
async def test_twice(ai: openai.AsyncOpenAI, shared_sim: Sim, case: str, ask: Any) -> None:
    place, make = CASES[case]
    asked, test_id = make(), fresh()
    if ask is whole:
        asked.pop("extra_body", None)
    asked["extra_headers"] = {"x-test-id": test_id}
    first, first_headers = await ask(place(ai), asked)
    second, headers = await ask(place(ai), asked)
    assert plain(second) == plain(first)
    assert (first_headers["x-tailrace-cache"], headers["x-tailrace-cache"]) == ("miss", "exact")
    assert int(headers["age"]) >= 0 and "age" not in first_headers
    assert headers["cache-control"].replace("no-cache, ", "") in ("private, no-store", "no-store, private")
    assert "exact_cache=exact" in headers["x-tailrace-chain"]
    assert len(shared_sim.entries(test_id)) == 1
    if ask is whole:
        assert second["id"] != first["id"]
        assert second["usage"]["tailrace"] == {"cache": "exact", "billed": False}


@pytest.mark.parametrize("case", ["chat with usage", "chat with tools", "completions", "responses"])
@pytest.mark.parametrize("stream_first", [False, True])
async def test_one_form_from_the_other(ai: openai.AsyncOpenAI, shared_sim: Sim, case: str, stream_first: bool) -> None:
    place, make = CASES[case]
    asked, test_id = make(), fresh()
    body = {} if case == "responses" else USAGE
    asked["extra_headers"] = {"x-test-id": test_id}
    as_stream = {**asked, "extra_body": body}
    asked.pop("extra_body", None)
    if stream_first:
        (events, _), (answer, headers) = await streamed(place(ai), as_stream), await whole(place(ai), asked)
    else:
        (answer, _), (events, headers) = await whole(place(ai), asked), await streamed(place(ai), as_stream)
    assert headers["x-tailrace-cache"] == "exact" and len(shared_sim.entries(test_id)) == 1
    assert text_of(events) == text_of([answer])
    assert calls_of(events) == calls_of([answer])
    if body:
        assert plain(events[-1]["usage"]) == plain(answer["usage"])


def text_of(events: list[Any]) -> str:
    if "output" in events[0] or "response" in events[0]:
        final = events[-1].get("response") or events[-1]
        return "".join(part["text"] for item in final["output"] for part in item.get("content") or () if "text" in part)
    choices = [choice for event in events for choice in event["choices"]]
    pieces = [
        choice.get("text") or (choice.get("delta") or choice.get("message") or {}).get("content") for choice in choices
    ]
    return "".join(piece or "" for piece in pieces)


def calls_of(events: list[Any]) -> dict[int, tuple[str, str]]:
    found: dict[int, tuple[str, str]] = {}
    for choice in (choice for event in events for choice in event.get("choices") or ()):
        said = choice.get("delta") or choice.get("message") or {}
        for position, call in enumerate(said.get("tool_calls") or ()):
            index = call.get("index", position)
            name, arguments = found.get(index, ("", ""))
            inner = call["function"]
            found[index] = (name + (inner.get("name") or ""), arguments + (inner.get("arguments") or ""))
    return found


@pytest.mark.parametrize("spelled", ["float", "base64"])
async def test_embeddings(ai: openai.AsyncOpenAI, shared_sim: Sim, spelled: str) -> None:
    test_id, texts = fresh(), [fresh() for _ in range(5)]

    async def embed(given: Any) -> tuple[list[Any], Any]:
        raw = await ai.embeddings.with_raw_response.create(
            model="text-embedding-3-small",
            input=given,
            encoding_format=spelled,
            extra_headers={"x-test-id": test_id},  # type: ignore[arg-type]
        )
        return [row.embedding for row in raw.parse().data], raw.headers

    first, headers = await embed(texts[0])
    assert headers["x-tailrace-cache"] == "miss"
    again, headers = await embed(texts[0])
    assert headers["x-tailrace-cache"] == "exact" and again == first
    batch, headers = await embed(texts)
    assert headers["x-tailrace-cache"] == "exact;inputs=1/5" and batch[0] == first[0]
    shuffled, headers = await embed(texts[::-1])
    assert headers["x-tailrace-cache"] == "exact" and shuffled == batch[::-1]
    assert [entry["body"]["input"] for entry in shared_sim.entries(test_id)] == [texts[0], texts[1:]]


@pytest.mark.parametrize("tools", [False, True])
@pytest.mark.parametrize("stream", [False, True])
async def test_messages(claude: anthropic.AsyncAnthropic, shared_sim: Sim, stream: bool, tools: bool) -> None:
    test_id = fresh()
    asked: dict[str, Any] = {
        "model": "claude-of-the-tests", "max_tokens": 500, "extra_body": {"temperature": 0},
        "messages": [{"role": "user", "content": f"Tides? {fresh()}"}], "extra_headers": {"x-test-id": test_id},
    }  # fmt: skip
    if tools:
        asked["tools"] = [{"name": "get_weather", "input_schema": WEATHER["function"]["parameters"]}]

    async def ask(stream: bool) -> Any:
        if not stream:
            return (await claude.messages.create(**asked)).model_dump()
        async with claude.messages.stream(**asked) as events:
            return (await events.get_final_message()).model_dump()

    first, second, other = await ask(stream), await ask(stream), await ask(not stream)
    assert plain(second["content"]) == plain(first["content"]) == plain(other["content"])
    assert second["stop_reason"] == first["stop_reason"] == other["stop_reason"] and first["content"]
    assert second["id"] != first["id"] and len(shared_sim.entries(test_id)) == 1
    assert plain(second["usage"])["output_tokens"] == first["usage"]["output_tokens"]


async def test_what_is_not_deterministic_goes_to_the_provider(ai: openai.AsyncOpenAI, shared_sim: Sim) -> None:
    test_id = fresh()
    asked = {**chat(), "temperature": 0.7, "extra_headers": {"x-test-id": test_id}}
    for _ in range(2):
        _, headers = await whole(ai.chat.completions, asked)
        assert headers["x-tailrace-cache"] == "bypass"
        assert "exact_cache=stood-aside(not-deterministic)" in headers["x-tailrace-chain"]
    assert len(shared_sim.entries(test_id)) == 2


async def test_temperature_zero_as_a_float(ai: openai.AsyncOpenAI, shared_sim: Sim) -> None:
    test_id = fresh()
    asked = {**chat(), "temperature": 0.0, "extra_headers": {"x-test-id": test_id}}
    for _ in range(2):
        _, headers = await whole(ai.chat.completions, asked)
    assert headers["x-tailrace-cache"] == "exact" and len(shared_sim.entries(test_id)) == 1
