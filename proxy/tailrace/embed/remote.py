"""An OpenAI-compatible embeddings endpoint."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from tailrace.clock import Clock
from tailrace.embed.batching import Batcher
from tailrace.embed.embedder import EmbedderUnavailable, Reason, State, admit
from tailrace.embed.settings import EmbedderSettings
from tailrace.embed.vectors import unit
from tailrace.tasks import Tasks
from tailrace.wire import jsonio

_LANES: Final = 4
"""Batches under way at once: an endpoint answers in 50-300 ms, so one at a time would make others wait for nothing."""
_MAX_ANSWER: Final = 32 * 1024 * 1024
_BIG_ANSWER: Final = 128 * 1024
"""Bytes. A longer answer is read in a thread: 32 vectors of 1,536 are 1 MB and take 10 ms."""
_PIECE: Final = 64 * 1024
_TEXT_AT_FAULT: Final = frozenset({400, 413, 422})


class RemoteEmbedder:
    """An `Embedder` that asks an endpoint. Ready once started: a failure is that of one batch."""

    def __init__(self, settings: EmbedderSettings, tasks: Tasks, clock: Clock) -> None:
        if settings.base_url is None:
            raise ValueError("base_url is required")
        self.state: State = "off"
        self.reason = ""
        self.dimension: int | None = settings.dimensions
        self.spent_tokens = 0
        size = f"#{settings.dimensions}" if settings.dimensions else ""
        self.model = settings.model
        self.identity = f"remote:{settings.base_url}:{settings.model}{size}"
        self._settings = settings
        self._url = f"{settings.base_url}/embeddings"
        self._has_answered = False
        self._session: aiohttp.ClientSession | None = None
        self._batcher = Batcher(
            self._ask, tasks, clock, timeout_s=settings.timeout_s, max_batch=settings.max_batch, lanes=_LANES
        )

    def start(self) -> None:
        """See `Embedder`. There is nothing to load."""
        self.state = "ready"

    async def embed(self, text: str) -> bytes:
        """See `Embedder`."""
        if self.state != "ready":
            raise EmbedderUnavailable("off")
        admit(text, self._settings.max_chars)
        return await self._batcher.embed(text)

    async def aclose(self) -> None:
        """See `Embedder`."""
        self.state = "off"
        await self._batcher.aclose()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(self, texts: list[str]) -> list[bytes | Reason]:
        status, body = await self._post(texts)
        if status in _TEXT_AT_FAULT and len(texts) > 1 and self._has_answered:
            # One text that the endpoint refuses must not cost its neighbours, who may be other tenants', their vectors.
            # An endpoint that never answered is set up wrongly: asking it again and again would not help.
            middle = len(texts) // 2
            halves = await asyncio.gather(self._ask(texts[:middle]), self._ask(texts[middle:]), return_exceptions=True)
            return [
                one
                for half, size in zip(halves, (middle, len(texts) - middle), strict=True)
                for one in _each(half, size)
            ]
        if status in _TEXT_AT_FAULT and self._has_answered:
            raise EmbedderUnavailable("bad-text")
        if status != 200:
            raise EmbedderUnavailable("rate-limited" if status == 429 else "refused")
        answer = await asyncio.to_thread(read, body, len(texts)) if len(body) > _BIG_ANSWER else read(body, len(texts))
        self.spent_tokens += answer.tokens
        if not answer.vectors:
            raise EmbedderUnavailable("bad-answer")
        self._has_answered = True
        return [self._checked(vector) for vector in answer.vectors]

    def _checked(self, vector: bytes | None) -> bytes | Reason:
        if vector is None:
            return "bad-vector"
        if self.dimension is None:
            self.dimension = len(vector) // 4
        return vector if len(vector) == 4 * self.dimension else "bad-vector"

    async def _post(self, texts: list[str]) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s), cookie_jar=aiohttp.DummyCookieJar()
            )
        asked: dict[str, Any] = {"model": self._settings.model, "input": texts, "encoding_format": "float"}
        if self._settings.dimensions is not None:
            asked["dimensions"] = self._settings.dimensions
        headers = {"content-type": "application/json"}
        if self._settings.api_key is not None:
            headers["authorization"] = f"Bearer {self._settings.api_key.get_secret_value()}"
        try:
            # Redirects are not followed: they would take the key, and the text, to somebody else.
            async with self._session.post(
                self._url, data=jsonio.dumps(asked), headers=headers, allow_redirects=False
            ) as response:
                return response.status, await _body(response) if response.status == 200 else b""
        except TimeoutError:
            raise EmbedderUnavailable("timeout") from None
        except (aiohttp.ClientError, OSError):
            # None: the error's own words may hold the headers it was sent with.
            raise EmbedderUnavailable("unreachable") from None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint said: for each text its vector (None: none), nothing at all if it makes no sense."""

    vectors: list[bytes | None]
    tokens: int = 0


def read(body: bytes, count: int) -> Answer:
    """Read the answer to `count` texts; a row without `index` stands for its place."""
    try:
        answer = jsonio.loads_object(body)
    except jsonio.BadJson:
        return Answer([])
    usage, rows = answer.get("usage"), answer.get("data")
    spent = usage.get("total_tokens", usage.get("prompt_tokens")) if isinstance(usage, dict) else 0
    tokens = spent if type(spent) is int and spent > 0 else 0
    if not isinstance(rows, list) or len(rows) != count:
        return Answer([], tokens)
    values: dict[Any, Any] = {}
    for place, row in enumerate(rows):
        if not isinstance(row, dict) or type(index := row.get("index", place)) is not int:
            return Answer([], tokens)
        values[index] = row.get("embedding")
    if values.keys() != set(range(count)):
        return Answer([], tokens)
    return Answer([unit(one) if type(one := values[at]) is list else None for at in range(count)], tokens)


async def _body(response: aiohttp.ClientResponse) -> bytes:
    pieces, size = [], 0
    async for piece in response.content.iter_chunked(_PIECE):
        size += len(piece)
        if size > _MAX_ANSWER:
            raise EmbedderUnavailable("bad-answer")
        pieces.append(piece)
    return b"".join(pieces)


def _each(half: list[bytes | Reason] | BaseException, size: int) -> list[bytes | Reason]:
    if isinstance(half, EmbedderUnavailable):
        return [half.reason] * size
    if isinstance(half, BaseException):
        raise half
    return half
