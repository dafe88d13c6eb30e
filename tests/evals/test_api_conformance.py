"""Recorded exchanges of real providers through the running proxy: byte for byte, however the network cuts them."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from e2e_kit import RawRequest, Serve, Served, chunk, events, proxy_config, raw_provider, send, serving

DATA = Path(__file__).parents[3] / "shared" / "data" / "api_conformance"
PATHS = {"chat": "/chat/completions", "completions": "/completions", "responses": "/responses", "messages": "/messages"}
SPLITS = 4
"""Times each stream is replayed, each cut otherwise."""


@dataclass
class Recorded:
    """One recorded answer."""

    file: str
    path: str
    body: bytes
    status: int = 200
    content_type: str = "text/event-stream; charset=utf-8"

    @property
    def complete(self) -> bool:
        """Whether the recording tells its end in JSON that can be read: one of them is damaged in that place."""
        ends = ('"finish_reason":"', '"finish_reason": "', "message_stop", '"type":"error"', '"error":{')
        ends += ("response.completed", "response.failed", "response.incomplete")
        return any(
            event.data == "[DONE]" or (any(end in event.data for end in ends) and _is_json(event.data))
            for event in events(self.body)
        )


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def shape_of(body: bytes) -> str:
    """The shape of a recorded stream, from its bytes."""
    for mark, shape in (
        (b'"chat.completion', "chat"),
        (b'"text_completion"', "completions"),
        (b'"message_start"', "messages"),
        (b'"response.', "responses"),
    ):
        if mark in body:
            return shape
    return "chat"


def recordings() -> list[Recorded]:
    """Every stream, and every whole answer with its status."""
    found = [
        Recorded(str(path.relative_to(DATA)), PATHS[shape_of(path.read_bytes())], path.read_bytes())
        for path in sorted(DATA.glob("*/*.sse"))
    ]
    manifest = DATA / "otel_openai" / "manifest.json"
    if manifest.exists():
        for row in orjson.loads(manifest.read_bytes()):
            if row["file"].endswith(".json"):
                path = row["uri"].partition("/v1")[2]
                body = (manifest.parent / row["file"]).read_bytes()
                found.append(Recorded(f"otel_openai/{row['file']}", path, body, row["status"], row["content_type"]))
    return found


@pytest.fixture(scope="module")
def shared_serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    with serving(tmp_path_factory.mktemp("proxies")) as made:
        yield made


def cuts(body: bytes, rng: random.Random, way: int) -> list[bytes]:
    """The body in random pieces: a few, many, inside UTF-8 sequences and line ends, and one after another."""
    if way == 0:
        places = sorted(rng.sample(range(1, len(body)), min(len(body) - 1, 5)))
    elif way == 1:
        places = sorted(rng.sample(range(1, len(body)), min(len(body) - 1, 200)))
    elif way == 2:
        inside = [at for at in range(1, len(body)) if body[at] & 0xC0 == 0x80 or body[at - 1 : at + 1] == b"\n\n"]
        places = sorted(rng.sample(inside, min(len(inside), 300)))
    else:
        begin = rng.randrange(max(1, len(body) - 400))
        places = list(range(max(1, begin), min(begin + 400, len(body))))
    edges = [0, *places, len(body)]
    return [body[a:b] for a, b in zip(edges, edges[1:], strict=False) if b > a]


@pytest.mark.parametrize("stream_usage", ["as_asked", "always"])
async def test_recordings_come_out_as_they_went_in(
    shared_serve: Serve, stream_usage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if not DATA.exists():
        pytest.skip("no data: ../shared/data/api_conformance")
    recorded = recordings()
    by_file = {one.file: one for one in recorded}

    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> bool:
        one = by_file[request.header("x-file") or ""]
        way = int(request.header("x-way") or 0)
        rng = random.Random(f"{one.file}-{way}")
        head = f"HTTP/1.1 {one.status} X\r\ncontent-type: {one.content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        for piece in cuts(one.body, rng, way):
            writer.write(chunk(piece))
            await writer.drain()
            if rng.random() < 0.3:
                # Let the piece go out on its own.
                await asyncio.sleep(0)
        writer.write(chunk(b""))
        await writer.drain()
        return True

    async with raw_provider(answer) as provider, aiohttp.ClientSession(auto_decompress=False) as http:
        providers = {"raw": {"base_url": provider.url}, "claude": {"base_url": provider.url, "dialect": "anthropic"}}
        upstream = {"stream_usage": stream_usage, "retries": 0}
        proxy: Served = await asyncio.to_thread(
            shared_serve, proxy_config(provider.url, providers=providers, upstream=upstream)
        )
        wrong: list[str] = []
        told: list[str] = []
        size = streams = 0
        limit = asyncio.Semaphore(8)

        async def replay(one: Recorded, way: int) -> None:
            nonlocal size, streams
            is_stream = one.content_type.startswith("text/event-stream")
            # The client asks for usage: nothing is to be hidden from it.
            body: dict[str, Any] = {"model": "m", "stream": is_stream, "stream_options": {"include_usage": True}}
            headers = {"x-file": one.file, "x-way": str(way)}
            async with limit:
                got = await send(http, proxy.url + one.path, body, headers=headers, timeout_s=60)
            size += len(got.body)
            streams += is_stream
            if got.status != one.status:
                # An error as the first event becomes a status: as it should be.
                told.append(f"{one.file}: {got.status}")
                if not got.json().get("error"):
                    wrong.append(f"{one.file} (way {way}): status {got.status}")
            elif got.body != one.body:
                if got.body.startswith(one.body) and not one.complete and "error" in events(got.body)[-1].json():
                    told.append(f"{one.file}: no end was recorded, and that was told")
                else:
                    at = next((n for n, (a, b) in enumerate(zip(got.body, one.body, strict=False)) if a != b), -1)
                    wrong.append(
                        f"{one.file} (way {way}): {len(one.body)} bytes became {len(got.body)}, "
                        f"first difference at {at}, end {got.body[-120:]!r}"
                    )

        await asyncio.gather(*(replay(one, way) for one in recorded for way in range(SPLITS)))
    with capsys.disabled():
        print(
            f"\napi_conformance ({stream_usage}): {len(recorded)} recordings, {streams} streams replayed in random "
            f"pieces, {size / 1e6:.1f} MB, {len(wrong)} differences, {len(set(told))} told otherwise"
        )
    assert not wrong, "\n".join(sorted(wrong)[:20])
