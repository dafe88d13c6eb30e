"""The simulated provider as the official clients see it, over real sockets."""

import asyncio
import time

import aiohttp
import anthropic
import openai
import pytest

from tailrace.sim import SimSettings, running, serve

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "strict": True,
            "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
        },
    }
    for name in ("read_file", "search", "run")
]
USER = [{"role": "user", "content": "How do rivers find the sea?"}]


async def test_chat(client):
    made = await client.chat.completions.create(model="gpt-4o", messages=USER)
    assert "rivers" in made.choices[0].message.content
    assert made.choices[0].finish_reason == "stop"
    assert made.system_fingerprint == "tailrace-sim"
    assert made.usage.total_tokens == made.usage.prompt_tokens + made.usage.completion_tokens


async def test_chat_stream_says_the_same_and_ends_with_usage(client):
    whole = await client.chat.completions.create(model="gpt-4o", messages=USER)
    options = {"include_usage": True}
    chunks = await client.chat.completions.create(model="gpt-4o", messages=USER, stream=True, stream_options=options)
    chunks = [chunk async for chunk in chunks]
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert said == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage


async def test_an_agent_loop_to_its_end_with_growing_cached_prefix(client):
    messages, cached, calls = list(USER), [], 0
    for turn in range(1, 30):
        async with client.chat.completions.stream(
            model="gpt-4o", messages=messages, tools=TOOLS, stream_options={"include_usage": True}
        ) as stream:
            made = await stream.get_final_completion()
        message = made.choices[0].message
        cached.append(made.usage.prompt_tokens_details.cached_tokens)
        if not message.tool_calls:
            break
        calls += len(message.tool_calls)
        messages.append(
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": call.function.model_dump(include={"name", "arguments"}),
                    }
                    for call in message.tool_calls
                ],
            }
        )
        messages += [
            {"role": "tool", "tool_call_id": call.id, "content": f"line {turn} of the result\n" * 60}
            for call in message.tool_calls
        ]
    assert (turn, calls) == (10, 9)
    assert "9 tool calls" in message.content
    assert cached == sorted(cached)
    assert cached[-1] > 2000


async def test_completions_and_embeddings(client):
    made = await client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Rivers", max_tokens=7)
    assert (made.choices[0].finish_reason, made.usage.completion_tokens) == ("length", 7)
    made = await client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    assert [len(one.embedding) for one in made.data] == [1536, 1536]


async def test_a_responses_stream_and_what_is_stored(client):
    async with client.responses.stream(model="gpt-4o", input="Hello") as stream:
        kinds = [event.type async for event in stream]
        made = await stream.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert "Hello" in made.output_text
    assert (await client.responses.retrieve(made.id)).output_text == made.output_text
    items = await client.responses.input_items.list(made.id)
    assert items.data[0].content[0].text == "Hello"
    followed = await client.responses.create(model="gpt-4o", input="And then?", previous_response_id=made.id)
    assert followed.usage.input_tokens > made.usage.input_tokens + made.usage.output_tokens / 2
    await client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(made.id)


async def test_a_responses_loop(client):
    tool = {"type": "function", "name": "search", "parameters": TOOLS[1]["function"]["parameters"]}
    given = [{"role": "user", "content": "Look it up [[sim: rounds=2 parallel=2]]"}]
    usages = []
    while len(usages) < 9:
        made = await client.responses.create(model="gpt-4o", input=given, tools=[tool])
        usages.append(made.usage)
        calls = [item for item in made.output if item.type == "function_call"]
        if not calls:
            break
        given += [item.model_dump() for item in made.output]
        given += [{"type": "function_call_output", "call_id": call.call_id, "output": "found"} for call in calls]
    assert len(usages) == 3
    assert "4 tool calls" in made.output_text


async def test_a_messages_stream_with_tools_and_a_marked_prefix(sim):
    tool = {"name": "search", "input_schema": TOOLS[1]["function"]["parameters"]}
    system = [{"type": "text", "text": "Be helpful. " * 800, "cache_control": {"type": "ephemeral"}}]
    messages, usages = [{"role": "user", "content": "Look it up [[sim: rounds=2]]"}], []
    async with anthropic.AsyncAnthropic(
        base_url=sim.url.removesuffix("/v1"), api_key="sk-ant", max_retries=0
    ) as client:
        for _ in range(9):
            async with client.messages.stream(
                model="claude", max_tokens=500, system=system, tools=[tool], messages=messages
            ) as stream:
                made = await stream.get_final_message()
            usages.append(made.usage)
            uses = [block for block in made.content if block.type == "tool_use"]
            if not uses:
                break
            messages.append(
                {
                    "role": "assistant",
                    "content": [use.model_dump(include={"type", "id", "name", "input"}) for use in uses],
                }
            )
            results = [{"type": "tool_result", "tool_use_id": use.id, "content": "found"} for use in uses]
            messages.append({"role": "user", "content": results})
    assert len(usages) == 3
    assert made.stop_reason == "end_turn"
    assert made.id.startswith("msg_sim_")
    assert usages[0].cache_creation_input_tokens == usages[1].cache_read_input_tokens > 1024
    assert usages[1].cache_creation_input_tokens == usages[0].cache_read_input_tokens == 0


async def test_azure(sim):
    endpoint = sim.url.removesuffix("/v1")
    async with openai.AsyncAzureOpenAI(azure_endpoint=endpoint, api_key="az", api_version="2024-10-21") as client:
        made = await client.chat.completions.create(model="my-deployment", messages=USER)
    assert made.model == "my-deployment"
    (entry,) = sim.journal.entries(1)
    assert entry["path"] == "/openai/deployments/my-deployment/chat/completions"
    assert entry["query"] == "api-version=2024-10-21"


async def test_a_fault_that_passes_after_a_retry(sim):
    async with openai.AsyncOpenAI(base_url=sim.url, api_key="k", max_retries=2) as client:
        made = await client.chat.completions.create(model="fault-503-times-1-retry", messages=USER)
    assert made.choices[0].finish_reason == "stop"
    assert [entry["status"] for entry in sim.journal.entries()] == [503, 200]


async def test_only_the_keys_of_the_settings_are_accepted():
    async with running(SimSettings(keys=("right",), first_token_ms=0, per_token_ms=0)) as sim:
        for key, accepted in (("right", True), ("wrong", False)):
            async with openai.AsyncOpenAI(base_url=sim.url, api_key=key, max_retries=0) as client:
                if accepted:
                    assert (await client.models.list()).data
                else:
                    with pytest.raises(openai.AuthenticationError):
                        await client.models.list()


async def test_delays_are_kept(sim):
    """A lower bound only: a sleep may last longer, never shorter."""
    async with openai.AsyncOpenAI(base_url=sim.url, api_key="k") as client:
        started = time.monotonic()
        content = "[[sim: first=30 delay=5 tokens=10]]"
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": content}], stream=True
        )
        assert [chunk async for chunk in stream]
        assert time.monotonic() - started > 0.06


async def test_serving_lasts_until_cancelled(unused_tcp_port):
    async with asyncio.timeout(10), aiohttp.ClientSession() as session:
        task = asyncio.create_task(serve(SimSettings(), port=unused_tcp_port))
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{unused_tcp_port}/livez") as answer:
                    assert answer.status == 200
                    break
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert task.cancelled()
