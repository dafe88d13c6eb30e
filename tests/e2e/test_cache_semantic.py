"""The semantic cache in the running proxy, with the packaged model: official clients, other words, other tenants."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import openai
import psutil
import pytest
from e2e_kit import TAILRACE, Serve, Served, Sim, clean_env, proxy_config, until

from tailrace.wire import jsonio

pytest.importorskip("hnswlib")
pytest.importorskip("sentence_transformers")

QUESTION, SAME = "How do I reset my password?", "How can I reset my password?"
OTHER = "How do I reset my phone?"


@pytest.fixture(scope="module")
def served(shared_serve: Serve, shared_sim: Sim) -> Iterator[Served]:
    providers = {"sim": {"base_url": shared_sim.url}, "claude": {"base_url": shared_sim.url, "dialect": "anthropic"}}
    yield shared_serve(proxy_config(shared_sim.url, providers=providers, preset="balanced"))


async def told(served: Served) -> Any:
    async with aiohttp.ClientSession() as http, http.get(served.admin + "/cache") as answer:
        return (await answer.json())["caches"]["semantic_cache"]


async def ready(served: Served) -> bool:
    return bool((await told(served))["embedder"]["state"] == "ready")


async def stored(served: Served, count: int) -> None:
    async def enough() -> bool:
        return bool((await told(served))["stored"] >= count)

    await until(enough, 20, "the answer is kept in the background")


@pytest.fixture
async def ai(served: Served, request: pytest.FixtureRequest) -> AsyncIterator[openai.AsyncOpenAI]:
    await until(lambda: ready(served), 100, "the model loads")
    # A tenant of its own for each test.
    key = f"sk-{request.node.name}"
    async with openai.AsyncOpenAI(base_url=served.url, api_key=key, max_retries=0) as made:
        yield made


async def ask(ai: openai.AsyncOpenAI, question: str, **more: Any) -> tuple[str, str]:
    raw = await ai.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=[{"role": "user", "content": question}], **more
    )
    return str(raw.headers["x-tailrace-cache"]), raw.parse().choices[0].message.content or ""


async def test_other_words_have_the_same_answer(ai: openai.AsyncOpenAI, served: Served) -> None:
    before = (await told(served))["stored"]
    mark, first = await ask(ai, QUESTION)
    assert mark == "miss"
    await stored(served, before + 1)
    mark, again = await ask(ai, SAME)
    assert mark.startswith("semantic;score=0.") and again == first
    assert (await ask(ai, OTHER))[0] == "miss"
    assert (await ask(ai, SAME, temperature=0.9))[0] == "miss"
    assert (await ask(ai, SAME, max_tokens=5))[0] == "miss"


async def test_another_client_finds_nothing(ai: openai.AsyncOpenAI, served: Served) -> None:
    before = (await told(served))["stored"]
    await ask(ai, QUESTION)
    await stored(served, before + 1)
    async with openai.AsyncOpenAI(base_url=served.url, api_key="sk-stranger", max_retries=0) as stranger:
        assert (await ask(stranger, SAME))[0] == "miss"
    assert (await ask(ai, SAME))[0].startswith("semantic")


async def test_streams_in_both_directions(ai: openai.AsyncOpenAI, served: Served) -> None:
    before = (await told(served))["stored"]

    async def stream(question: str) -> tuple[str, str]:
        async with ai.chat.completions.with_streaming_response.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": question}],
            stream=True,
            stream_options={"include_usage": True},
        ) as raw:
            chunks = [chunk async for chunk in await raw.parse()]
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
            assert chunks[-1].usage is not None
            return str(raw.headers["x-tailrace-cache"]), text

    mark, first = await stream(QUESTION)
    assert mark == "miss"
    await stored(served, before + 1)
    for mark, text in (await stream(SAME), await ask(ai, SAME + " ")):
        assert mark.startswith("semantic") and text == first


async def test_responses_and_messages(ai: openai.AsyncOpenAI, served: Served) -> None:
    async def respond(question: str) -> str:
        raw = await ai.responses.with_raw_response.create(model="gpt-4o", input=question, store=False)
        return str(raw.headers["x-tailrace-cache"])

    async def message(question: str) -> str:
        async with anthropic.AsyncAnthropic(base_url=served.root, api_key="sk-m", max_retries=0) as claude:
            raw = await claude.messages.with_raw_response.create(
                model="claude-of-the-tests", max_tokens=99, messages=[{"role": "user", "content": question}]
            )
            return str(raw.headers["x-tailrace-cache"])

    for each in (respond, message):
        before = (await told(served))["stored"]
        assert await each(QUESTION) == "miss"
        await stored(served, before + 1)
        assert (await each(SAME)).startswith("semantic")
        assert await each(OTHER) == "miss"


async def test_tools_are_never_in_play(ai: openai.AsyncOpenAI) -> None:
    tools: Any = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    for question in (QUESTION, SAME):
        raw = await ai.chat.completions.with_raw_response.create(
            model="gpt-4o", messages=[{"role": "user", "content": question}], tools=tools
        )
        assert "semantic_cache=stood-aside(tools)" in raw.headers["x-tailrace-chain"]


async def test_a_kill_forgets_nothing_and_leaves_no_worker(serve: Serve, sim: Any, tmp_path: Path) -> None:
    config = proxy_config(sim.url, preset="balanced", data_dir=str(tmp_path / "data"))
    first = await asyncio.to_thread(serve, config)
    await until(lambda: ready(first), 100)
    async with openai.AsyncOpenAI(base_url=first.url, api_key="sk-k", max_retries=0) as ai:
        await ask(ai, QUESTION)
        await stored(first, 1)
    workers = psutil.Process(first.process.pid).children(recursive=True)
    assert workers, "the model runs in a process of its own"
    first.process.kill()
    first.wait()
    await until(lambda: not any(worker.is_running() for worker in workers), 20, "the worker ends with its parent")
    second = await asyncio.to_thread(serve, config)
    await until(lambda: ready(second), 100)
    async with openai.AsyncOpenAI(base_url=second.url, api_key="sk-k", max_retries=0) as ai:
        assert (await ask(ai, SAME))[0].startswith("semantic")


async def test_plain_proxying_never_waits_for_the_model(serve: Serve, sim: Any) -> None:
    served = await asyncio.to_thread(serve, proxy_config(sim.url, preset="balanced"))
    async with openai.AsyncOpenAI(base_url=served.url, api_key="sk-k", max_retries=0) as ai:
        raw = await ai.chat.completions.with_raw_response.create(
            model="gpt-4o", messages=[{"role": "user", "content": QUESTION}]
        )
    assert "semantic_cache=stood-aside(embedder-loading)" in raw.headers["x-tailrace-chain"]


PAIRS = [
    {"a": QUESTION, "b": SAME, "should_hit": True, "kind": "frame"},
    {"a": QUESTION, "b": OTHER, "should_hit": False, "kind": "object"},
    {"a": "Convert 5 km to miles", "b": "Convert 6 km to miles", "should_hit": False, "kind": "number"},
]


def evaluated(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [TAILRACE, "eval", "cache", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=clean_env(), timeout=110)


def test_pairs_of_ones_own_are_measured(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_bytes(b"\n".join(jsonio.dumps(pair) for pair in PAIRS))
    done = evaluated("pairs.jsonl", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = jsonio.loads(done.stdout.splitlines()[-1])
    names = ["pairs", "should_hit", "hits", "precision", "recall", "false_hits", "false_hit_rate", "p50_ms", "p95_ms"]
    assert list(told) == names
    assert (told["pairs"], told["should_hit"], told["hits"], told["false_hits"], told["recall"]) == (3, 1, 1, 0, 1.0)
    assert told["p50_ms"] > 0 and "number" in done.stdout
    assert not (tmp_path / ".tailrace").exists(), "measuring leaves nothing behind"


@pytest.mark.parametrize(
    ("text", "words"), [("{", "pairs.jsonl:1: no JSON object"), ('{"a": "x"}', "pairs.jsonl:1: 'b' must be a text")]
)
def test_a_bad_file_is_told_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "pairs.jsonl").write_text(text)
    done = evaluated("pairs.jsonl", folder=tmp_path)
    assert done.returncode == 1 and words in done.stderr and not done.stdout
