"""The one loop that calls providers: targets in order, retries within their budget, deadlines over all of it."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from tailrace.clock import Clock
from tailrace.config.models import Config, Provider
from tailrace.errors import TailraceError, UpstreamError
from tailrace.exchange import Exchange, Reply
from tailrace.tasks import Tasks, Watchdog
from tailrace.trail import Attempt
from tailrace.upstream.breaker import Breaker
from tailrace.upstream.dialects.litellm import LitellmProvider
from tailrace.upstream.http_provider import HttpProvider
from tailrace.upstream.policy import Again, AttemptFailed, RetryBudget, again, backoff_s, is_permanent, leaves
from tailrace.upstream.pool import first_event_timeout
from tailrace.upstream.targets import Target, Targets
from tailrace.wire.endpoints import EndpointKind


class ProviderCaller(Protocol):
    """One provider, however it is spoken to."""

    async def ask(self, exchange: Exchange, target: Target, record: Attempt, until: float) -> Reply:
        """Make one attempt. Returns once the answer is whole, or its first real event is here.

        `until` (loop time) is when the whole exchange must be over. Raises `AttemptFailed`.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


class Upstream:
    """The end of every chain. One per configuration; `aclose` when its last request is done."""

    def __init__(self, config: Config, tasks: Tasks, clock: Clock, rng: random.Random, hop: str) -> None:
        self.targets = Targets(config)
        self.choosers = ""
        """What the plugins that choose models are set to, in one line; set once they are made."""
        self._settings = config.upstream
        self._now = clock.monotonic
        self._rng = rng
        self.budget = RetryBudget(config.upstream.retry_budget)
        self.breaker = Breaker(config.upstream.eject_after, config.upstream.eject_s, clock.monotonic)
        self.providers: Mapping[str, ProviderCaller] = {
            name: LitellmProvider(name, provider, clock)
            if provider.dialect == "litellm"
            else HttpProvider(name, provider, config.upstream, tasks, clock, hop)
            for name, provider in config.providers.items()
        }

    async def aclose(self) -> None:
        """Close every connection to every provider."""
        for provider in self.providers.values():
            await provider.aclose()

    def route(self, exchange: Exchange) -> str:
        """Where the exchange would go first, in one line: provider, address, model. Raises `NotFound` as a call would.

        What is cached under it is no longer found once the configuration sends the same model elsewhere, or once a
        plugin that chooses models is set otherwise.
        """
        target = self.targets.find(exchange.model, exchange.endpoint)[0]
        provider = target.provider
        place = f"{provider.dialect} {provider.litellm_provider or ''} {provider.base_url} {provider.api_version or ''}"
        return f"{target.name} {place} {_account(provider)}{self.choosers}"

    async def __call__(self, exchange: Exchange) -> Reply:
        """Bring an answer, or raise the `TailraceError` that tells the client why there is none."""
        if exchange.upload is not None or not exchange.endpoint.reads_json:
            targets = [
                self.targets.of_provider(
                    self.targets.default_provider(exchange.endpoint),
                    lists_models=exchange.endpoint.kind is EndpointKind.MODELS,
                )
            ]
        else:
            targets = list(self.targets.find(exchange.model, exchange.endpoint))
        first = targets[0]
        if len(targets) > 1:
            targets = self.breaker.order(targets)
        trail = exchange.trail
        # Asked a second time, after an answer that was dropped or an error: nothing of that is this answer's.
        trail.answer = trail.watch = None
        trail.first_chunk_at, trail.error_type = 0.0, ""
        trail.call_started = trail.call_started or self._now()
        trail.call_span_id = self._rng.getrandbits(64)
        # One deadline for the whole request, however often a plugin has it asked.
        until = trail.until = trail.until or asyncio.get_running_loop().time() + targets[0].deadlines.total_s
        self.budget.active += 1
        try:
            reply = await self._try_all(exchange, targets, until)
            trail.fell_back = (trail.provider, trail.model) != (first.provider_name, first.model)
            return reply
        except TailraceError as error:
            trail.error_type = getattr(error, "error_type", "") or str(error.status)
            raise
        finally:
            trail.call_ended = self._now()
            self.budget.active -= 1

    async def _try_all(self, exchange: Exchange, targets: Sequence[Target], until: float) -> Reply:
        request = exchange.request
        left_behind = leaves(request.method, exchange.endpoint.kind, exchange.payload, request.headers)
        loop = asyncio.get_running_loop()
        attempts = 0
        failure: AttemptFailed | None = None
        is_retry = False
        fresh = False
        for position, target in enumerate(targets):
            is_last = position == len(targets) - 1
            tries = 0
            # Where all are out none is: the least bad is asked all the same.
            while self.breaker.begin(target) or self.breaker.all_out(targets):
                try:
                    return await self._counted(exchange, target, until, is_last, fresh)
                except AttemptFailed as failed:
                    failure = failed
                finally:
                    if is_retry:
                        self.budget.give_back()
                        is_retry = False
                attempts += 1
                tries += 1
                fresh = failure.kind == "disconnect"
                verdict = again(failure, leaves=left_behind, retry_after_max_s=self._settings.retry_after_max_s)
                if verdict is Again.NEVER or exchange.upload is not None:
                    # An upload is a stream: once some of it is sent it cannot be sent again.
                    raise _final(failure, attempts)
                wait = backoff_s(tries - 1, failure.retry_after_s, self._rng.random())
                here = verdict is not Again.ELSEWHERE and tries <= self._settings.retries
                here = here and loop.time() + wait < until
                if (is_last and not here) or loop.time() >= until:
                    raise _final(failure, attempts)
                if verdict is not Again.ALWAYS:
                    if not self.budget.take():
                        raise _final(failure, attempts)
                    is_retry = True
                if not here:
                    break
                try:
                    await asyncio.sleep(wait)
                except BaseException:
                    if is_retry:
                        self.budget.give_back()
                    raise
        if is_retry:
            self.budget.give_back()
        if failure is not None:
            raise _final(failure, attempts)
        raise UpstreamError("No provider is left to ask.", code="no_target")

    async def _counted(self, exchange: Exchange, target: Target, until: float, is_last: bool, fresh: bool) -> Reply:
        """One attempt, with its record and its verdict on the target."""
        trail = exchange.trail
        record = Attempt(target.provider_name, target.model, self._rng.getrandbits(64), self._now(), fresh=fresh)
        trail.attempts.append(record)
        trail.provider, trail.model = target.provider_name, target.model
        try:
            reply = await self._within(exchange, target, record, until, is_last)
        except AttemptFailed as failed:
            record.error_type = failed.error_type or failed.kind
            record.status = failed.status
            if failed.healthy is None:
                self.breaker.released(target)
            elif failed.healthy:
                self.breaker.succeeded(target)
            else:
                self.breaker.failed(target)
            raise
        except BaseException:
            self.breaker.released(target)
            raise
        finally:
            record.ended = self._now()
        self.breaker.succeeded(target)
        return reply

    async def _within(self, exchange: Exchange, target: Target, record: Attempt, until: float, is_last: bool) -> Reply:
        """One attempt under its deadline: the first event of a stream, the whole of anything else."""
        left = max(0.001, until - asyncio.get_running_loop().time())
        limit = min(target.deadlines.first_event_s, left) if exchange.stream else left
        if not is_last:
            # A target that hangs must leave time for the one behind it.
            limit = min(limit, left / 2)
        try:
            with Watchdog(limit) as watch:
                if exchange.upload is not None:
                    # However long it takes to send: the time counts from its last piece.
                    exchange = replace(exchange, upload=_touching(exchange.upload, watch))
                return await self.providers[target.provider_name].ask(exchange, target, record, until)
        except TimeoutError:
            raise first_event_timeout(target.provider_name, limit) from None


async def _touching(upload: AsyncIterable[bytes], watch: Watchdog) -> AsyncIterator[bytes]:
    async for piece in upload:
        watch.touch()
        yield piece


def _final(failure: AttemptFailed, attempts: int) -> TailraceError:
    """What the client is told; not to try again itself if the proxy has done so in vain, or it never helps."""
    answer = failure.answer
    if attempts > 1 or is_permanent(failure):
        answer.headers["x-should-retry"] = "false"
    return answer


def _account(provider: Provider) -> str:
    """A digest of the credentials and headers a provider is sent of ours: another account has other answers."""
    sent = [provider.api_key, *(value for _, value in sorted(provider.headers.items()))]
    told = "\0".join([*sorted(provider.headers), *(value.get_secret_value() for value in sent if value is not None)])
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()
