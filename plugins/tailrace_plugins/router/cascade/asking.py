"""Asking the cheap model: with log probabilities where it gives them, and more than once where that is wanted."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from tailrace.errors import TailraceError
from tailrace.exchange import Exchange, Reply
from tailrace.plugin import CallNext, Services
from tailrace.wire.usage import Usage
from tailrace_plugins.router.cascade import logprobs
from tailrace_plugins.router.cascade.reading import Answer, read_answer

_MOST_UNWILLING: Final = 1000
_LET_GO_S: Final = 1.0
_SAMPLE_TEMPERATURE: Final = 0.7
"""For samples of a request that asks for temperature 0, as in arXiv:2203.11171: equal answers would tell nothing."""


class Unwilling:
    """The models that refused log probabilities: they are not asked for them again."""

    def __init__(self) -> None:
        self._models: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, model: str) -> bool:
        return model in self._models

    def add(self, model: str) -> None:
        """Remember it; the one that was added first is forgotten when there are too many."""
        self._models[model] = None
        if len(self._models) > _MOST_UNWILLING:
            self._models.popitem(last=False)


async def ask_cheap(cheap: Exchange, call_next: CallNext, unwilling: Unwilling | None) -> tuple[Reply, bool]:
    """The cheap model's reply, and whether log probabilities were asked for that the client must not see.

    `unwilling` None: they are not wanted. Where the provider refuses the request with them it is asked once more
    without; if that is what it minded, it is remembered. Raises what `call_next` raises.
    """
    if unwilling is None or cheap.model in unwilling or not logprobs.can_ask(cheap):
        return await call_next(cheap), False
    try:
        return await call_next(cheap.rewrite(logprobs.ASK)), True
    except TailraceError as error:
        if not _may_mind(error):
            raise
    reply = await call_next(cheap)
    unwilling.add(cheap.model)
    return reply, False


def _may_mind(error: TailraceError) -> bool:
    """Whether a refusal may be for the log probabilities. OpenAI's reasoning models refuse them with 400 or 403 ("You
    are not allowed to request logprobs from this model"), which for a key of the proxy's own is `upstream_auth`.
    """
    return error.status in (400, 403, 422) or error.code == "upstream_auth"


class Samples:
    """Further answers of the cheap model, asked for at the same time. Must be ended, which cancels those under way.

    `billed` is told of each answer that came, by provider, model and usage; of one that was given up its input is told.
    """

    def __init__(
        self,
        count: int,
        cheap: Exchange,
        call_next: CallNext,
        services: Services,
        billed: Callable[[str, str, Usage], None],
    ) -> None:
        self._call_next = call_next
        self._billed = billed
        self._came: list[Answer] = []
        changes, remove = _as_sample(cheap)
        self._tasks = [
            services.tasks.spawn(
                self._ask(cheap.alone(services.rng, services.clock).rewrite(changes, remove=remove)), "cascade-sample"
            )
            for _ in range(count)
        ]

    async def answers(self, within_s: float) -> tuple[Answer, ...]:
        """Those that come within so many seconds; none that failed."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)
        return tuple(self._came)

    async def end(self) -> None:
        """Cancel what is still under way."""
        left = [task for task in self._tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_LET_GO_S)

    async def _ask(self, sample: Exchange) -> None:
        trail, shape = sample.trail, sample.endpoint.shape
        usage: Usage | None = None
        try:
            reply = await self._call_next(sample)
            if reply.stream is not None:
                await reply.aclose()
            elif shape is not None:
                answer = read_answer(shape, reply.json())
                usage = answer.usage
                self._came.append(answer)
        except TailraceError:
            # Refused or failed: nothing to compare with, and nothing billed that is known of.
            return
        except asyncio.CancelledError:
            usage = Usage(len(sample.body()) // 4, 0, estimated=True)
            raise
        finally:
            if usage is not None:
                self._billed(trail.provider, trail.model or sample.model, usage)


def _as_sample(cheap: Exchange) -> tuple[dict[str, Any], tuple[str, ...]]:
    changes: dict[str, Any] = {"stream": False} if "stream" in cheap.payload else {}
    if cheap.payload.get("temperature") == 0:
        changes["temperature"] = _SAMPLE_TEMPERATURE
    return changes, ("stream_options", "seed")
