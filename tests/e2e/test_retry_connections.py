"""Connections that died in the pool: no client may notice."""

import asyncio

import aiohttp
import pytest
from e2e_kit import (
    COMPLETION,
    STREAM_HEAD,
    RawRequest,
    Serve,
    Served,
    Sim,
    chat,
    chunk,
    delta,
    proxy_config,
    raw_provider,
    send,
    whole,
)
from e2e_kit.retry import DEADLINES


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    return shared_serve(proxy_config(shared_sim.url, upstream=DEADLINES))


async def test_provider_that_closes_after_each_answer(http: aiohttp.ClientSession, plain: Served) -> None:
    failed = []
    for _ in range(20):
        answers = await asyncio.gather(
            *(
                send(http, plain.url + "/chat/completions", chat("fault-close-after-each", stream=n % 2 == 0))
                for n in range(20)
            )
        )
        failed += [answer.body for answer in answers if answer.status != 200]
    assert failed == []


async def test_one_at_a_time_against_a_provider_that_closes(http: aiohttp.ClientSession, plain: Served) -> None:
    for number in range(100):
        answer = await send(http, plain.url + "/chat/completions", chat("fault-close-after-each"))
        assert answer.status == 200, number


async def test_stateful_on_a_connection_that_died(http: aiohttp.ClientSession, serve: Serve) -> None:
    """Never retried, so the dead connection must be found before it is used."""
    served = 0

    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        if b'"stream":true' in request.body:
            writer.write(STREAM_HEAD + chunk(delta("a", "stop")) + chunk(b"data: [DONE]\n\n") + chunk(b""))
        else:
            writer.write(whole(COMPLETION))
        await writer.drain()

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        for number in range(60):
            body = chat(store=True, stream=number % 2 == 0)
            found = await send(http, proxy.url + "/chat/completions", body)
            assert found.status == 200, (number, found.body)
    assert served == 60
