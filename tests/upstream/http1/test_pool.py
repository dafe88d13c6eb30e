"""Keeping connections: which one is taken, which are given up, and that places always come back."""

import asyncio

import pytest

from tailrace.upstream.http1 import CannotConnect, Disconnected, Truncated

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
HELLO = (b"hello", None)


def named(number):
    """An answer that tells which connection it came over."""
    return b"HTTP/1.1 200 OK\r\nx-connection: %d\r\ncontent-length: 5\r\n\r\nhello" % number


async def by_connection(link):
    """Each connection answers with the first request's number, for ever."""
    own = b""
    while True:
        request = await link.request()
        own = own or request.split(b" ")[1].rpartition(b"/")[2]
        await link.send(named(int(own)))


async def hanging(link):
    await link.request()
    await link.closed()


async def test_a_connection_is_used_again(peer, pool, ask, read):
    provider = await peer(OK)
    connections = pool(provider)
    for _ in range(5):
        assert await read(await ask(connections)) == HELLO
    assert (provider.accepted, len(provider.got)) == (1, 5)


async def test_it_serves_others_with_the_last_byte_read(peer, pool, ask):
    """Not only when the reader comes back for the end."""
    provider = await peer(OK)
    connections = pool(provider, most=1)
    response = await ask(connections)
    assert await response.readany() == b"hello"
    again = await ask(connections, connect_s=0.5)
    assert await again.readany() == b"hello"
    assert await response.readany() == b"", "one answer read another's body"
    assert provider.accepted == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    ],
    ids=["close", "1.0"],
)
async def test_a_provider_that_says_close_is_believed(peer, pool, ask, read, raw):
    provider = await peer(raw)
    connections = pool(provider, most=1)
    for _ in range(3):
        assert await read(await ask(connections)) == HELLO
    assert provider.accepted == 3


async def test_the_last_one_used_comes_first(peer, pool, ask, read):
    provider = await peer(by_connection)
    connections = pool(provider)
    open_at_once = [await ask(connections, target=f"/v1/{n}") for n in range(3)]
    for n in (1, 2, 0):
        await read(open_at_once[n])
    taken = [await ask(connections, target="/v1/9") for _ in range(4)]
    assert [r.headers["x-connection"] for r in taken] == ["0", "2", "1", "9"]
    assert provider.accepted == 4


async def test_a_post_works_after_the_provider_closed_the_idle_connection(peer, pool, ask, read):
    """Though the loop has not heard of it yet: half of all POSTs failed with other clients."""
    provider = await peer(by_connection)
    connections = pool(provider)
    assert await read(await ask(connections, target="/v1/0")) == HELLO
    provider.links[0].half_close()
    assert await read(await ask(connections, target="/v1/0")) == HELLO
    assert provider.accepted == 2


@pytest.mark.parametrize("how", ["half-close", "surplus"])
async def test_dead_connections_are_left_out(peer, pool, ask, read, how):
    provider = await peer(by_connection)
    connections = pool(provider)
    for response in [await ask(connections, target=f"/v1/{n}") for n in range(3)]:
        await read(response)
    for link in provider.links[1:]:
        link.half_close() if how == "half-close" else link.writer.write(b"H")
    response = await ask(connections)
    assert response.headers["x-connection"] == "0"
    assert await read(response) == HELLO


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_provider_that_closes_after_its_answers_is_not_trusted(peer, pool, ask, read, until, how):
    """It says keep-alive and closes all the same: each request gets a connection of its own, for a while."""
    provider = await peer(OK)
    connections = pool(provider)
    for response in [await ask(connections) for _ in range(3)]:
        assert await read(response) == HELLO
    provider.links[2].writer.close() if how == "close" else provider.links[2].reset()
    await until(lambda: len(provider.running) == 0, "the end of the idle connections")
    for number in range(3):
        assert await read(await ask(connections)) == HELLO
        assert provider.accepted == 4 + number


async def test_our_own_closing_is_no_sign_of_mistrust(peer, pool, ask, read, until):
    provider = await peer(OK)
    connections = pool(provider, keep_alive_s=0.02)
    assert await read(await ask(connections)) == HELLO
    await until(lambda: not provider.running)
    for _ in range(3):
        response = await ask(connections)
        assert await response.readany() == b"hello"
    assert provider.accepted == 2


async def test_fresh_means_unused(peer, pool, ask, read):
    provider = await peer(OK)
    connections = pool(provider)
    assert await read(await ask(connections)) == HELLO
    assert await read(await ask(connections, fresh=True)) == HELLO
    assert provider.accepted == 2


async def test_a_fresh_connection_counts_too(peer, pool, ask, read):
    provider = await peer(OK)
    connections = pool(provider, most=1)
    assert await read(await ask(connections)) == HELLO
    response = await ask(connections, fresh=True)
    assert (provider.accepted, len(provider.running)) == (2, 1)
    assert await read(response) == HELLO


async def test_idle_connections_are_dropped(peer, pool, ask, read, until):
    provider = await peer(OK)
    connections = pool(provider, keep_alive_s=0.05)
    for response in [await ask(connections) for _ in range(3)]:
        await read(response)
    await until(lambda: not provider.running, "the end of idle connections")
    assert await read(await ask(connections)) == HELLO
    assert provider.accepted == 4


# At most so many at once.


async def test_no_more_connections_than_allowed(peer, pool, ask, read):
    provider = await peer(OK)
    connections = pool(provider, most=3)
    busy = [await ask(connections) for _ in range(3)]
    waiting = [asyncio.create_task(ask(connections)) for _ in range(7)]
    await asyncio.sleep(0.02)
    assert (provider.accepted, len(provider.got)) == (3, 3)
    for response in busy:
        assert await read(response) == HELLO
    for task in waiting:
        assert await read(await task) == HELLO
    assert provider.accepted == 3


async def test_who_waits_too_long_is_told(peer, pool, ask, read):
    provider = await peer(OK)
    connections = pool(provider, most=1)
    busy = await ask(connections)
    with pytest.raises(CannotConnect) as caught:
        await ask(connections, connect_s=0.02)
    assert caught.value.why == "no_place"
    assert await read(busy) == HELLO
    assert await read(await ask(connections)) == HELLO


async def ended(connections, ask, provider, how):
    """Take the pool's one place and give it up in one of the ways there are."""
    if how == "cancel-in-head":
        task = asyncio.create_task(ask(connections))
        while not provider.accepted:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return
    if how == "cancel-at-once":
        task = asyncio.create_task(ask(connections))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return
    if how == "timeout":
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await ask(connections)
        return
    if how == "refused":
        with pytest.raises((Disconnected, Truncated)):
            await ask(connections)
        return
    response = await ask(connections)
    if how == "close":
        response.close()
    elif how == "cancel-in-body":
        assert await response.readany() == b"hel"
        reading = asyncio.create_task(response.readany())
        await asyncio.sleep(0.005)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        response.close()
    elif how == "cut":
        with pytest.raises(Truncated):
            while await response.readany():
                pass
        response.close()


async def half(link):
    await link.request()
    await link.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel")
    await link.closed()


async def cut(link):
    await link.request()
    await link.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel")


async def gone(link):
    await link.request()


@pytest.mark.parametrize(
    ("how", "first"),
    [
        ("cancel-in-head", hanging),
        ("cancel-at-once", hanging),
        ("timeout", hanging),
        ("refused", gone),
        ("close", half),
        ("cancel-in-body", half),
        ("cut", cut),
    ],
)
async def test_a_place_comes_back(peer, pool, ask, read, until, how, first):
    async def answering(link):
        while True:
            await link.request()
            await link.send(OK)

    provider = await peer(first, answering)
    connections = pool(provider, most=1)
    await ended(connections, ask, provider, how)
    # The provider hears of it at once: a generation nobody reads is still billed.
    await until(lambda: not provider.running, "the end of the connection")
    if how == "cancel-at-once" and provider.accepted == 0:
        provider.scripts = (answering,)
    # Each of these needs the place, and gives it back: neither lost nor doubled.
    responses = []
    for _ in range(3):
        responses.append(await ask(connections, connect_s=2.0))
        with pytest.raises(CannotConnect):
            await ask(connections, connect_s=0.01)
        assert await read(responses[-1]) == HELLO


async def test_places_come_back_when_nobody_answers(pool, ask, peer, read):
    provider = await peer(OK)
    provider.server.close()
    await provider.server.wait_closed()
    connections = pool(provider, most=1)
    for _ in range(3):
        with pytest.raises(CannotConnect) as caught:
            await ask(connections, connect_s=1.0)
        assert caught.value.why == "connect"


async def test_a_place_comes_back_when_a_waiter_is_cancelled(peer, pool, ask, read):
    provider = await peer(OK)
    connections = pool(provider, most=1)
    busy = await ask(connections)
    waiting = [asyncio.create_task(ask(connections)) for _ in range(3)]
    await asyncio.sleep(0.005)
    waiting[0].cancel()
    # At the very moment at which its place becomes free.
    assert await read(busy) == HELLO
    waiting[1].cancel()
    assert await read(await waiting[2]) == HELLO
    for task in waiting[:2]:
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await read(await ask(connections)) == HELLO


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_provider_that_hangs_up_on_connect(peer, pool, ask, read, how):
    async def rude(link):
        link.writer.close() if how == "close" else link.reset()

    async def answering(link):
        await link.request()
        await link.send(OK)

    provider = await peer(*[rude] * 8, answering)
    connections = pool(provider, most=1)
    for _ in range(8):
        with pytest.raises((Disconnected, Truncated, OSError)):
            await ask(connections, connect_s=1.0)
    assert await read(await ask(connections, connect_s=1.0)) == HELLO


# Closing.


async def test_closing_the_pool_closes_everything(peer, pool, ask, read, until):
    provider = await peer(OK, half)
    connections = pool(provider)
    first, second = await ask(connections), await ask(connections)
    await read(first)
    await connections.aclose()
    await until(lambda: not provider.running, "the end of the connections")
    with pytest.raises(Truncated):
        while await second.readany():
            pass
    with pytest.raises(Disconnected):
        await ask(connections)


async def test_an_answer_read_after_the_pool_closed_keeps_nothing(peer, pool, ask, read, until):
    provider = await peer(OK)
    connections = pool(provider)
    response = await ask(connections)
    await asyncio.sleep(0.005)
    await connections.aclose()
    assert (await read(response))[0] == b"hello"
    await until(lambda: not provider.running)


# What is sent.


@pytest.mark.parametrize(
    ("method", "body", "framing"),
    [
        ("POST", b"{}", b"content-length: 2"),
        ("POST", b"", b"content-length: 0"),
        ("POST", None, b"content-length: 0"),
        ("PATCH", None, b"content-length: 0"),
        ("GET", None, None),
        ("DELETE", None, None),
        ("GET", b"x", b"content-length: 1"),
    ],
)
async def test_the_request_is_framed(peer, pool, ask, read, method, body, framing):
    provider = await peer(OK)
    response = await ask(pool(provider), method, "/v1/x?q=1", body, {"X-One": "1", "x-é": "\udcff"})
    assert await read(response) == HELLO
    head, _, sent = provider.got[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == f"{method} /v1/x?q=1 HTTP/1.1".encode()
    assert lines[1] == b"host: 127.0.0.1:%d" % provider.port
    assert b"X-One: 1" in lines and "x-é: ".encode() + b"\xff" in lines
    assert [line for line in lines if b"length" in line or b"encoding" in line] == ([framing] if framing else [])
    assert sent == (body or b"")


@pytest.mark.parametrize(
    ("scheme", "host", "port", "shown"),
    [
        ("http", "h.test", 80, "h.test"),
        ("https", "h.test", 443, "h.test"),
        ("https", "h.test", 80, "h.test:80"),
        ("http", "::1", 8000, "[::1]:8000"),
        ("https", "::1", 443, "[::1]"),
    ],
)
async def test_the_host_header(pool, scheme, host, port, shown):
    from multidict import CIMultiDict

    head = pool(port, scheme=scheme, host=host)._head("GET", "/", CIMultiDict(), None, chunked=False)
    assert head == f"GET / HTTP/1.1\r\nhost: {shown}\r\n\r\n".encode()
