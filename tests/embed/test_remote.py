"""An endpoint that embeds: well, badly, slowly, and with other people's texts in the batch."""

import asyncio
import logging
import math
import struct
from array import array
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tailrace.clock import SystemClock
from tailrace.embed import EmbedderSettings, EmbedderUnavailable
from tailrace.embed.remote import RemoteEmbedder, read
from tailrace.embed.vectors import is_unit
from tailrace.wire import jsonio

KEY = "sk-very-secret"


def rows(texts):
    return [{"index": at, "embedding": [3.0, 4.0, float(len(text))]} for at, text in enumerate(texts)]


class Endpoint:
    """Answers as its `answer` says; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked = []
        self.headers = []
        self.answer = lambda texts: {"data": rows(texts), "usage": {"prompt_tokens": 3, "total_tokens": 3}}

    async def handle(self, request):
        asked = await request.json()
        self.asked.append(asked)
        self.headers.append(request.headers)
        answer = self.answer(asked["input"])
        if asyncio.iscoroutine(answer):
            answer = await answer
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)


@pytest.fixture
async def endpoint():
    ours = Endpoint()
    app = web.Application()
    app.router.add_post("/v1/embeddings", ours.handle)
    async with TestServer(app) as server:
        ours.url = str(server.make_url("/v1"))
        yield ours


@asynccontextmanager
async def asking(tasks, url, **settings):
    given = {"base_url": url, "model": "m", "api_key": KEY, "timeout_s": 10, **settings}
    embedder = RemoteEmbedder(EmbedderSettings.model_validate(given), tasks, SystemClock())
    embedder.start()
    try:
        yield embedder
    finally:
        await embedder.aclose()


async def reason(call) -> str:
    with pytest.raises(EmbedderUnavailable) as caught:
        await call
    assert KEY not in repr(caught.value) + repr(caught.value.__context__)
    return caught.value.reason


async def test_it_asks_as_openai_has_it(tasks, endpoint):
    async with asking(tasks, endpoint.url) as embedder:
        assert embedder.state == "ready"
        vector = await embedder.embed("hello")
        assert embedder.dimension == 3 and embedder.spent_tokens == 3
    assert endpoint.asked == [{"model": "m", "input": ["hello"], "encoding_format": "float"}]
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"
    assert is_unit(vector, 3)
    assert struct.unpack("<3f", vector) == pytest.approx([one / math.sqrt(50) for one in (3, 4, 5)])


async def test_dimensions_are_asked_for_and_part_of_the_identity(tasks, endpoint):
    async with asking(tasks, endpoint.url, dimensions=3) as embedder:
        await embedder.embed("hello")
        assert embedder.identity.endswith(":m#3") and embedder.dimension == 3
    assert endpoint.asked[0]["dimensions"] == 3


async def test_rows_in_another_order_find_their_texts(tasks, endpoint):
    endpoint.answer = lambda texts: {"data": rows(texts)[::-1]}
    async with asking(tasks, endpoint.url) as embedder:
        one, two = await asyncio.gather(embedder.embed("a"), embedder.embed("four"))
    assert array("f", one)[2] < array("f", two)[2] and len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"data": []}, "bad-answer"),
        ({"data": "x"}, "bad-answer"),
        ({}, "bad-answer"),
        ([], "bad-answer"),
        ({"data": [None]}, "bad-answer"),
        ({"data": [{"index": 1, "embedding": [1.0]}]}, "bad-answer"),
        ({"data": [{"index": "0", "embedding": [1.0]}]}, "bad-answer"),
        ({"data": [{"index": 0, "embedding": [0.0, 0.0]}]}, "bad-vector"),
        ({"data": [{"index": 0, "embedding": ["a"]}]}, "bad-vector"),
        ({"data": [{"index": 0, "embedding": "AAAA"}]}, "bad-vector"),
        ({"data": [{"index": 0}]}, "bad-vector"),
    ],
)
async def test_bad_answers(tasks, endpoint, answer, why):
    endpoint.answer = lambda texts: answer
    async with asking(tasks, endpoint.url) as embedder:
        assert await reason(embedder.embed("hello")) == why


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"data":[{"index":0,"embedding":[NaN]}]}'])
async def test_no_json(tasks, endpoint, body):
    endpoint.answer = lambda texts: web.Response(body=body, content_type="application/json")
    async with asking(tasks, endpoint.url) as embedder:
        assert await reason(embedder.embed("hello")) == "bad-answer"


async def test_another_dimension_than_before(tasks, endpoint):
    async with asking(tasks, endpoint.url) as embedder:
        await embedder.embed("hello")
        endpoint.answer = lambda texts: {"data": [{"index": 0, "embedding": [1.0, 2.0]}]}
        assert await reason(embedder.embed("other")) == "bad-vector"


@pytest.mark.parametrize(
    ("status", "why"), [(401, "refused"), (404, "refused"), (400, "refused"), (429, "rate-limited"), (500, "refused")]
)
async def test_statuses(tasks, endpoint, status, why):
    endpoint.answer = lambda texts: web.json_response({"error": {"message": KEY}}, status=status)
    async with asking(tasks, endpoint.url) as embedder:
        assert await asyncio.gather(reason(embedder.embed("a")), reason(embedder.embed("b"))) == [why, why]
    # Never answered, so never split.
    assert len(endpoint.asked) == 1


async def test_one_that_is_down_is_not_waited_for_each_time(tasks, endpoint):
    endpoint.answer = lambda texts: web.Response(status=503)
    async with asking(tasks, endpoint.url) as embedder:
        reasons = [await reason(embedder.embed(str(n))) for n in range(10)]
    assert reasons == ["refused"] * 5 + ["paused"] * 5 and len(endpoint.asked) == 5


async def test_a_redirect_is_not_followed(tasks, endpoint):
    endpoint.answer = lambda texts: web.Response(status=307, headers={"location": f"{endpoint.url}/embeddings"})
    async with asking(tasks, endpoint.url) as embedder:
        assert await reason(embedder.embed("hello")) == "refused"
    assert len(endpoint.asked) == 1


async def test_nobody_there(tasks, unused_tcp_port=1):
    async with asking(tasks, f"http://127.0.0.1:{unused_tcp_port}/v1") as embedder:
        assert await reason(embedder.embed("hello")) == "unreachable"
        assert embedder.state == "ready"


async def test_a_slow_one(tasks, endpoint):
    stays = asyncio.Event()

    async def slow(texts):
        await stays.wait()
        return {}

    endpoint.answer = slow
    async with asking(tasks, endpoint.url, timeout_s=0.1) as embedder:
        assert await reason(embedder.embed("hello")) == "timeout"
    stays.set()


async def test_one_refused_text_costs_its_neighbours_nothing(tasks, endpoint):
    async with asking(tasks, endpoint.url) as embedder:
        await embedder.embed("first")

        def answer(texts):
            return web.Response(status=400) if "bad" in texts else {"data": rows(texts)}

        endpoint.answer = answer
        calls = [embedder.embed(text) for text in ("a", "b", "bad", "c", "d")]
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(one, bytes) for one in results] == [True, True, False, True, True]
    assert results[2].reason == "bad-text"


async def test_a_large_batch(tasks, endpoint):
    endpoint.answer = lambda texts: {
        "data": [{"index": at, "embedding": [float(at + 1)] + [0.25] * 1535} for at in range(len(texts))]
    }
    async with asking(tasks, endpoint.url) as embedder:
        vectors = await asyncio.gather(*(embedder.embed(str(n)) for n in range(32)))
    assert all(is_unit(vector, 1536) for vector in vectors) and len(set(vectors)) == 32


async def test_an_endless_answer_is_cut_off(tasks, endpoint, monkeypatch):
    monkeypatch.setattr("tailrace.embed.remote._MAX_ANSWER", 1000)
    endpoint.answer = lambda texts: web.Response(body=b" " * 5000)
    async with asking(tasks, endpoint.url) as embedder:
        assert await reason(embedder.embed("hello")) == "bad-answer"


async def test_neither_key_nor_text_is_logged(tasks, endpoint, caplog):
    endpoint.answer = lambda texts: web.Response(status=500)
    with caplog.at_level(logging.DEBUG, "tailrace"):
        async with asking(tasks, endpoint.url) as embedder:
            await reason(embedder.embed("hunter2"))
    assert KEY not in caplog.text and "hunter2" not in caplog.text


async def test_a_local_model_needs_no_url(tasks):
    with pytest.raises(ValueError):
        RemoteEmbedder(EmbedderSettings(), tasks, SystemClock())


def test_usage_that_is_none():
    body = jsonio.dumps({"data": rows(["a"]), "usage": {"total_tokens": -5}})
    assert read(body, 1).tokens == 0
    assert read(jsonio.dumps({"data": rows(["a"])}), 1).tokens == 0
