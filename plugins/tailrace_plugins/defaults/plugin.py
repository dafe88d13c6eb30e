"""The `defaults` plugin: start reading here."""

from typing import ClassVar

from tailrace.errors import BadRequest
from tailrace.exchange import Exchange, Reply
from tailrace.plugin import CallNext, Plugin, PluginSettings
from tailrace.wire.endpoints import EndpointKind
from tailrace_plugins.defaults.decide import Refused, decide, find
from tailrace_plugins.defaults.settings import DefaultsSettings


class DefaultsPlugin(Plugin[DefaultsSettings]):
    """Sets, limits and removes parameters by rule, before anything is cached or routed.

    Label: what was done, `capped+shortened` (also removed, forced, defaulted), or `refused(400)`. Stands aside with
    `no-rule` or `nothing-to-change`; the client's own bytes then go on. Facts: `set` and `removed`, the names of the
    parameters; `dropped_messages`.
    """

    name: ClassVar[str] = "defaults"
    Settings: ClassVar[type[PluginSettings]] = DefaultsSettings
    endpoints: ClassVar[frozenset[EndpointKind]] = frozenset(
        {EndpointKind.CHAT, EndpointKind.COMPLETIONS, EndpointKind.RESPONSES, EndpointKind.MESSAGES}
    )
    skippable: ClassVar[bool] = False
    """A client must not be able to leave out the operator's caps."""

    async def handle(self, exchange: Exchange, call_next: CallNext) -> Reply:
        """Rewrite the request by the first rule that fits it."""
        shape = exchange.endpoint.shape
        rule = find(self.settings.rules, exchange.model, exchange.tenant)
        if rule is None or shape is None:
            exchange.stood_aside("no-rule")
            return await call_next(exchange)
        changes = decide(shape, exchange.payload, rule)
        if isinstance(changes, Refused):
            raise BadRequest(changes.message, code="invalid_value", param=changes.param)
        if not changes:
            exchange.stood_aside("nothing-to-change")
            return await call_next(exchange)
        exchange.acted("+".join(changes.reasons))
        if changes.set:
            exchange.note("set", ",".join(changes.set))
        if changes.remove:
            exchange.note("removed", ",".join(changes.remove))
        if changes.dropped_messages:
            exchange.note("dropped_messages", changes.dropped_messages)
        return await call_next(exchange.rewrite(changes.set, remove=changes.remove))
