"""What faults look like on a raw socket, and whether a client that leaves is noticed."""

import asyncio

import orjson
import pytest

DEADLINE_S = 10


async def send(sim, model, *, stream=True, content="hi [[sim: tokens=8]]"):
    reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
    body = orjson.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": content}]})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: sim\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    return reader, writer


async def told(sim, model, **more):
    """Return all bytes up to the end of the connection, and whether that was a reset."""
    reader, writer = await send(sim, model, **more)
    data, reset = b"", False
    try:
        async with asyncio.timeout(DEADLINE_S):
            while piece := await reader.read(65536):
                data += piece
    except ConnectionResetError:
        reset = True
    writer.close()
    return data, reset


async def until(condition):
    """Wait for a condition, with a deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(("model", "reset"), [("fault-disconnect", False), ("fault-reset-before-headers", True)])
async def test_not_a_byte(sim, model, reset):
    assert await told(sim, model) == (b"", reset)
    assert sim.journal.entries()[0]["state"] == "cut"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_cut_leaves_the_framing_open(sim, stream):
    data, reset = await told(sim, "fault-cut-midstream", stream=stream)
    head, _, body = data.partition(b"\r\n\r\n")
    assert not reset
    if stream:
        assert b"chunked" in head.lower()
        assert body.count(b"data: ") == 4
        assert not body.endswith(b"0\r\n\r\n")
    else:
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        assert len(body) == length // 2


async def test_a_reset_midstream(sim):
    _, reset = await told(sim, "fault-reset-midstream")
    assert reset


async def test_a_body_that_ends_with_the_connection(sim):
    data, reset = await told(sim, "fault-cut-close-delimited-3")
    head, _, body = data.partition(b"\r\n\r\n")
    assert not reset
    assert b"connection: close" in head
    assert b"chunked" not in head.lower()
    assert b"content-length" not in head.lower()
    assert body.count(b"data: ") == 3


async def test_a_length_that_is_never_reached(sim):
    data, _ = await told(sim, "fault-truncated-json", stream=False)
    assert b"Content-Length: 400" in data
    assert len(data.partition(b"\r\n\r\n")[2]) == 21


async def test_a_right_answer_and_then_an_unannounced_end(sim):
    data, reset = await told(sim, "fault-close-after-each")
    assert not reset
    assert b"connection: close" not in data.lower()
    assert data.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert sim.journal.entries()[0]["state"] == "answered"


async def test_every_byte_is_a_chunk(sim):
    reader, writer = await send(sim, "fault-split-bytes")
    async with asyncio.timeout(DEADLINE_S):
        data = await reader.readuntil(b"0\r\n\r\n")
    writer.close()
    assert b"\r\n1\r\nd\r\n1\r\na\r\n1\r\nt\r\n" in data


@pytest.mark.parametrize(
    "model", ["fault-hang", "fault-hang-after-headers", "fault-hang-midstream", "fault-slow-tokens-60000"]
)
async def test_a_client_that_leaves_is_noticed(sim, model):
    _, writer = await send(sim, model)
    await until(lambda: sim.journal.in_flight == 1)
    writer.close()
    await until(lambda: sim.journal.stats()["aborted"] == 1)
    assert sim.journal.in_flight == 0
    assert sim.journal.entries()[0]["state"] == "aborted"


async def test_a_client_that_leaves_in_the_middle_of_a_stream_is_noticed(sim):
    reader, writer = await send(sim, "m", content="[[sim: tokens=100000 delay=1]]")
    async with asyncio.timeout(DEADLINE_S):
        await reader.readuntil(b"data: ")
    writer.close()
    await until(lambda: sim.journal.stats()["aborted"] == 1)
    assert sim.journal.stats()["answered"] == 0
