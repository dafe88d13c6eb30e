"""The list of models: ours, theirs, and both."""

import gzip

import orjson
import pytest
from aiohttp import web

from tailrace.config.models import Config
from tailrace.gateway import Gateway
from tailrace.http.models import list_models
from tailrace.testing import exchange, services
from tailrace.wire.endpoints import MODELS

THEIRS = {"object": "list", "data": [{"id": "a", "object": "model", "owned_by": "them"}, {"id": "z"}]}
LIST = orjson.dumps(THEIRS)


@pytest.fixture
async def listed(listen):
    """What a client gets, given the configured names and the provider's answer."""
    gateways = []

    async def ask(models, status=200, body=LIST, headers=None):
        async def provider(request):
            packed = "gzip" in request.headers.get("accept-encoding", "")
            more = {"content-encoding": "gzip"} if packed else {}
            return web.Response(status=status, body=gzip.compress(body) if packed else body, headers=more)

        send = await listen(provider)
        config = Config(
            providers={"p": {"base_url": f"http://127.0.0.1:{send.port}/v1"}},
            models={name: {"targets": ["p/x"]} for name in models},
        )
        gateway = Gateway(config, [], services(), "hop", b"secret")
        gateways.append(gateway)
        return await list_models(gateway, exchange({}, endpoint=MODELS, headers=headers))

    yield ask
    for gateway in gateways:
        await gateway.stop()


async def rows(reply):
    body = b"".join([piece async for piece in reply.stream.open()]) if reply.stream else reply.body
    return orjson.loads(body)["data"]


async def test_without_models_it_is_the_providers_own(listed):
    reply = await listed([])
    assert (reply.status, await rows(reply)) == (200, THEIRS["data"])


async def test_ours_come_first_and_take_what_is_told_of_them(listed):
    reply = await listed(["b", "a"])
    assert reply.headers == {"content-type": "application/json"}
    assert await rows(reply) == [
        {"id": "b", "object": "model", "created": 0, "owned_by": "tailrace"}, *THEIRS["data"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (404, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"data": 5}'),
        (200, b'{"data": [5, {"id": 5}, {}]}'),
    ],
)
async def test_ours_are_there_whatever_the_provider_does(listed, status, body):
    assert [row["id"] for row in await rows(await listed(["b"], status, body))] == ["b"]


async def test_a_list_that_comes_compressed(listed):
    reply = await listed(["a"], headers={"accept-encoding": "gzip, deflate"})
    assert [row["id"] for row in await rows(reply)] == ["a", "z"]
