"""The chain: compiled once per endpoint, run for every request; decides what each plugin did, and carries on without
those that fail.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tailrace.clock import Clock
from tailrace.errors import BadRequest, TailraceError
from tailrace.exchange import Exchange, Reply
from tailrace.plugin import Plugin
from tailrace.tasks import Watchdog
from tailrace.trail import PluginScope
from tailrace.wire.endpoints import EndpointKind

_log = logging.getLogger("tailrace.chain")

AnyPlugin = Plugin[Any]

_QUESTION = ("messages", "input", "prompt")
"""What an answer is an answer to: one to another question must not be given when its plugin fails afterwards."""


@dataclass(frozen=True, slots=True)
class OrderProblem:
    """A plugin that stands above one it must stand below."""

    plugin: str
    must_follow: str


def order_problems(plugins: Sequence[type[AnyPlugin]]) -> list[OrderProblem]:
    """Which plugins stand in the wrong order. The chain never sorts them: the order is the operator's."""
    names = [plugin.name for plugin in plugins]
    return [
        OrderProblem(plugin.name, above)
        for position, plugin in enumerate(plugins)
        for above in sorted(plugin.after)
        if above in names[position + 1 :]
    ]


class Chain:
    """The plugins around one upstream. Immutable; a reload makes a new one."""

    def __init__(
        self, plugins: Sequence[AnyPlugin], upstream: Callable[[Exchange], Awaitable[Reply]], clock: Clock
    ) -> None:
        self.plugins = tuple(plugins)
        self._upstream = upstream
        self._now = clock.monotonic
        self._compiled: Mapping[EndpointKind, tuple[AnyPlugin, ...]] = {
            kind: tuple(plugin for plugin in plugins if kind in plugin.endpoints) for kind in EndpointKind
        }
        self._skippable = frozenset(plugin.name for plugin in plugins if plugin.skippable)
        self._names = frozenset(plugin.name for plugin in plugins)

    def skips(self, header: str) -> frozenset[str]:
        """The plugins named in `x-tailrace-skip`; raises `BadRequest` for a name that is not there or may not be."""
        wanted = frozenset(name.strip() for name in header.split(",") if name.strip())
        if not wanted <= self._skippable:
            fixed, unknown = wanted & self._names - self._skippable, wanted - self._names
            known = ", ".join(sorted(self._skippable)) or "none"
            code = "unknown_plugin" if unknown else "not_skippable"
            if unknown:
                message = (
                    f"x-tailrace-skip names a plugin that is not configured. Plugins that may be skipped: {known}."
                )
            else:
                message = f"x-tailrace-skip: {', '.join(sorted(fixed))} cannot be skipped."
            raise BadRequest(message, code=code, param="x-tailrace-skip")
        return wanted

    def run(self, exchange: Exchange) -> Awaitable[Reply]:
        """Take the exchange through the plugins of its endpoint and to the provider."""
        return self._step(self._compiled[exchange.request.endpoint.kind], 0, exchange)

    def _step(self, steps: tuple[AnyPlugin, ...], position: int, exchange: Exchange) -> Awaitable[Reply]:
        """The rest of the chain from `position` on, to be awaited; no coroutine of its own: every request passes."""
        if position == len(steps):
            return self._upstream(exchange)
        plugin = steps[position]
        scope = PluginScope(plugin.name, self._now())
        exchange.trail.scopes.append(scope)
        if plugin.name in exchange.request.skip:
            scope.action, scope.ended = "skipped", scope.started
            return self._step(steps, position + 1, exchange)
        return _Visit(self, steps, position, exchange.seen_by(scope), scope).run(plugin)


class _Visit:
    """One plugin's turn in one request."""

    __slots__ = (
        "_began_below",
        "_below_s",
        "_calls_below",
        "_chain",
        "_given",
        "_position",
        "_reply",
        "_rewrote",
        "_scope",
        "_steps",
        "_trouble",
        "_watch",
    )

    def __init__(
        self, chain: Chain, steps: tuple[AnyPlugin, ...], position: int, given: Exchange, scope: PluginScope
    ) -> None:
        self._chain = chain
        self._steps = steps
        self._position = position
        self._given = given
        self._scope = scope
        self._below_s = 0.0
        self._began_below = 0.0
        self._calls_below = 0
        self._reply: Reply | None = None
        self._rewrote = False
        self._trouble: Exception | None = None
        self._watch: Watchdog | None = None

    async def run(self, plugin: AnyPlugin) -> Reply:
        scope = self._scope
        scope.turn = self
        try:
            with Watchdog(plugin.settings.deadline_s) as self._watch:
                reply = await plugin.handle(self._given, self._call_next)
        except TimeoutError as error:
            self._finish()
            scope.action, scope.label = "timed-out", ""
            return await self._without(plugin, error)
        except Exception as error:
            self._finish()
            if error is self._trouble:
                if scope.action is None:
                    scope.action, scope.label = "stood-aside", "error-below"
                raise
            if isinstance(error, TailraceError) and self._is_refusal(plugin, error):
                scope.action, scope.label = "acted", f"refused({error.status})"
                await self._drop()
                raise
            scope.action, scope.label = "failed", type(error).__name__
            return await self._without(plugin, error)
        self._finish()
        if scope.action is None:
            self._infer(reply)
        if not plugin.fail_open and reply.stream is not None:
            below = self._reply.stream if self._reply is not None else None
            reply = replace(reply, stream=reply.stream.strict_from(len(below.stages) if below is not None else 0))
        return reply

    def _is_refusal(self, plugin: AnyPlugin, error: TailraceError) -> bool:
        """Whether an error of the plugin's own is its answer to the client (a 400, a 429) and not a failure of it.

        It is before anything came from below, in place of an error from below (`raise … from`), and always from a
        plugin that guards something.
        """
        if not plugin.fail_open or (self._reply is None and self._trouble is None):
            return True
        return self._trouble is not None and error.__cause__ is self._trouble

    async def _without(self, plugin: AnyPlugin, failure: Exception) -> Reply:
        """The request's way on after its plugin failed."""
        _log.warning("plugin %s %s %s", plugin.name, self._scope.action, type(failure).__name__)
        if not plugin.fail_open:
            await self._drop()
            message = f"The {plugin.name} plugin could not decide on this request."
            raise TailraceError(message, status=503, code="plugin_failed") from failure
        if self._trouble is not None:
            raise self._trouble
        if self._reply is not None:
            if not self._rewrote:
                return self._reply
            # The answer is to another question than the client's: to a part of it, say.
            await self._drop()
        return await self._chain._step(self._steps, self._position + 1, self._given)

    async def _drop(self) -> None:
        if self._reply is not None:
            await self._reply.aclose()

    async def _call_next(self, exchange: Exchange) -> Reply:
        """The rest of the chain; its time is not the plugin's. A plugin may call it more than once, also at once."""
        self.step_out()
        self._trouble = None
        asked, given = exchange.payload, self._given.payload
        self._rewrote = asked is not given and any(asked.get(name) is not given.get(name) for name in _QUESTION)
        try:
            self._reply = await self._chain._step(self._steps, self._position + 1, exchange)
        except Exception as error:
            self._trouble = error
            raise
        finally:
            self.step_in()
        return self._reply

    def step_out(self) -> None:
        """The plugin's own time stops: it waits for what is not its own. May be nested."""
        if self._calls_below == 0:
            self._began_below = self._chain._now()
            if self._watch is not None:
                self._watch.pause()
        self._calls_below += 1

    def step_in(self) -> None:
        """The plugin's own time goes on."""
        self._calls_below -= 1
        if self._calls_below == 0:
            now = self._chain._now()
            self._below_s += now - self._began_below
            if self._watch is not None:
                own_s = now - self._scope.started - self._below_s
                self._watch.resume(max(0.001, self._steps[self._position].settings.deadline_s - own_s))

    def _finish(self) -> None:
        scope = self._scope
        # A circle of references would leave the whole request, its answer included, to the garbage collector.
        scope.turn = None
        scope.ended = self._chain._now()
        below_s = self._below_s + (scope.ended - self._began_below if self._calls_below else 0.0)
        scope.self_s = max(0.0, scope.ended - scope.started - below_s)

    def _infer(self, reply: Reply) -> None:
        """What a plugin did that did not say so."""
        scope = self._scope
        if reply is self._reply:
            scope.action, scope.label = "stood-aside", "nothing-to-do"
        else:
            scope.action, scope.label = "acted", "answered" if self._reply is None else "acted"


def chain_header(scopes: Sequence[PluginScope]) -> str:
    """`x-tailrace-chain`: each plugin and what it did, outermost first."""
    return ", ".join(f"{scope.plugin}={scope.shown()}" for scope in scopes if scope.action is not None)
