"""Entries in Redis, for several processes or nodes. Needs the `redis` extra; loaded only when configured.

One hash an entry, with Redis' own expiry. Every operation has a short deadline; after a failure Redis is left alone for
a moment, so that a store that is down costs requests nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

from tailrace.cache.entry import Entry, Saved
from tailrace.cache.selector import Selector
from tailrace.errors import TailraceError
from tailrace.tasks import Tasks
from tailrace.wire import jsonio

_log = logging.getLogger("tailrace.cache")

_TIMEOUT_S: Final = 0.25
_PAUSE_S: Final = 2.0
_WAITING_BYTES: Final = 33_554_432
"""Most bytes of entries on their way to Redis; what comes then is not kept."""
_STEP: Final = 500


class RedisShelf:
    """Keeps the entries of one cache in Redis under `tailrace:<cache>:<key>`."""

    def __init__(
        self, name: str, url: str, tasks: Tasks, monotonic: Callable[[], float], wall_s: Callable[[], float]
    ) -> None:
        """Raises ImportError without the extra, ValueError for a URL that Redis does not know. Does not connect."""
        try:
            from redis.asyncio import BlockingConnectionPool, Redis
        except ImportError:
            raise ImportError("redis is not installed: pip install 'tailrace[redis]'") from None
        times = {"socket_timeout": _TIMEOUT_S, "socket_connect_timeout": _TIMEOUT_S}
        try:
            pool = BlockingConnectionPool.from_url(url, max_connections=64, timeout=_TIMEOUT_S, **times)
        except ValueError:
            # Its own words may hold a part of the password.
            raise ValueError("the redis URL is not valid; write / # ? : @ in a password as %2F %23 …") from None
        self._name = name
        self._redis: Redis = Redis(connection_pool=pool)
        self._tasks = tasks
        self._monotonic = monotonic
        self._wall_s = wall_s
        self._away_until = 0.0
        self._waiting_bytes = 0
        self.failures = 0
        self.dropped = 0

    def _key(self, key: str) -> str:
        return f"tailrace:{self._name}:{key}"

    @property
    def is_away(self) -> bool:
        """Whether Redis failed a moment ago and is not asked now."""
        return self._monotonic() < self._away_until

    async def get(self, key: str) -> Entry | None:
        """The entry; None too when Redis does not answer in time."""
        if self.is_away:
            return None
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                fields = await self._redis.hgetall(self._key(key))
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, the request goes on without the cache
            self._failed(error)
            return None
        entry = _entry(fields)
        return entry if entry is not None and entry.fresh(self._wall_s()) else None

    async def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """The entries, in one round trip for every few hundred; all None when Redis does not answer in time."""
        found: list[Entry | None] = []
        for start in range(0, len(keys), _STEP):
            step = keys[start : start + _STEP]
            if self.is_away:
                return found + [None] * (len(keys) - len(found))
            try:
                async with asyncio.timeout(_TIMEOUT_S * 2):
                    async with self._redis.pipeline(transaction=False) as pipe:
                        for key in step:
                            pipe.hgetall(self._key(key))
                        told = await pipe.execute(raise_on_error=False)
            except Exception as error:  # noqa: BLE001 - see get
                self._failed(error)
                told = [{}] * len(step)
            now = self._wall_s()
            entries = [_entry(fields) if isinstance(fields, Mapping) else None for fields in told]
            found += [entry if entry is not None and entry.fresh(now) else None for entry in entries]
        return found

    def put(self, *entries: Entry) -> None:
        """Send entries off; nobody waits for them."""
        size = sum(entry.size_bytes for entry in entries)
        if self.is_away or self._waiting_bytes + size > _WAITING_BYTES:
            self.dropped += len(entries)
            return
        self._waiting_bytes += size
        self._tasks.spawn(self._send(entries, size), "cache-redis-put")

    async def _send(self, entries: Sequence[Entry], size: int) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S * 4):
                async with self._redis.pipeline(transaction=True) as pipe:
                    for entry in entries:
                        key = self._key(entry.key)
                        pipe.delete(key)
                        pipe.hset(key, mapping=_fields(entry))
                        pipe.pexpireat(key, int(entry.expires * 1000))
                    await pipe.execute()
        except Exception as error:  # noqa: BLE001 - see get
            self._failed(error)
        finally:
            self._waiting_bytes -= size

    async def purge(self, selector: Selector) -> int:
        """Delete what fits, on all nodes at once. Walks all entries but for a purge by key.

        Raises `TailraceError` when Redis is away: who purges must not think that it is done.
        """
        if not selector.says_something:
            return 0
        count, now = 0, self._wall_s()
        try:
            async for keys in self._walk(selector):
                async with self._redis.pipeline(transaction=False) as pipe:
                    for key in keys:
                        pipe.hget(key, "about")
                    # A key of another kind among ours costs its own answer only.
                    told = await pipe.execute(raise_on_error=False)
                going = [
                    key
                    for key, about in zip(keys, told, strict=True)
                    if (entry := _entry({b"about": about})) is not None and selector.fits(entry, now)
                ]
                if going:
                    count += await self._redis.delete(*going)
        except Exception as error:  # noqa: BLE001 - see get; but here somebody wants to know
            self._failed(error)
            message = f"Redis does not answer; {count} entries were deleted before."
            raise TailraceError(message, status=503, code="store_away") from None
        return count

    async def _walk(self, selector: Selector) -> AsyncIterator[list[Any]]:
        if selector.key is not None:
            yield [self._key(selector.key)]
            return
        keys: list[Any] = []
        async for key in self._redis.scan_iter(match=self._key("*"), count=_STEP):
            keys.append(key)
            if len(keys) >= _STEP:
                yield keys
                keys = []
        if keys:
            yield keys

    async def totals(self) -> dict[str, int]:
        """How many entries there are for all nodes; failures and drops are this process's own."""
        count = 0
        try:
            async for keys in self._walk(Selector()):
                count += len(keys)
        except Exception as error:  # noqa: BLE001 - see get
            self._failed(error)
        return {"entries": count, "redis_failures": self.failures, "redis_dropped": self.dropped}

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        if not self.is_away:
            _log.warning("Redis does not serve the %s (%s): it is left out", self._name, type(error).__name__)
        self._away_until = self._monotonic() + _PAUSE_S


def _fields(entry: Entry) -> dict[Any, Any]:
    saved = entry.saved
    about = {
        "cache": entry.cache,
        "key": entry.key,
        "tenant": entry.tenant,
        "kind": entry.kind,
        "model": entry.model,
        "created": entry.created,
        "expires": entry.expires,
        "usage": entry.usage,
        "question": entry.question,
        "tags": entry.tags,
        "saved": [saved.input_tokens, saved.output_tokens, saved.usd, saved.seconds],
    }
    return {"about": jsonio.dumps(about), "body": entry.body, "frames": entry.frames}


def _entry(fields: Mapping[Any, Any]) -> Entry | None:
    """The entry; None for nothing, and for what is no entry of ours."""
    about_raw = fields.get(b"about")
    if not isinstance(about_raw, bytes):
        return None
    try:
        about = jsonio.loads_object(about_raw)
        saved, tags = Saved(*about.pop("saved")), tuple(about.pop("tags"))
        body, frames = fields.get(b"body") or b"", fields.get(b"frames") or b""
        entry = Entry(**about, tags=tags, saved=saved, body=body, frames=frames)
    except (jsonio.BadJson, TypeError, KeyError):
        return None
    texts = (entry.cache, entry.key, entry.tenant, entry.kind, entry.model, entry.question, *tags)
    numbers = (entry.created, entry.expires, saved.seconds)
    fits = all(isinstance(text, str) for text in texts) and all(isinstance(number, (int, float)) for number in numbers)
    return entry if fits else None
