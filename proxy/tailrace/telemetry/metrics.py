"""Counts every request that ended: plain additions on the event loop, whatever is exported or sampled."""

from collections.abc import Callable, Mapping

from tailrace.exchange import Exchange, Outcome
from tailrace.telemetry import names
from tailrace.telemetry.aggregate import Counters, Family, Histograms, Observed, Reading
from tailrace.telemetry.asked import input_modality, output_modality
from tailrace.telemetry.judge import (
    attempt_end,
    attempt_error,
    call_error,
    method_of,
    overhead_s,
    route_of,
    server_error,
    upstream_s,
)
from tailrace.telemetry.labels import Labels
from tailrace.telemetry.names import Metric, Names
from tailrace.telemetry.words import OTHER, method_word
from tailrace.trail import PluginScope, Trail
from tailrace.wire.endpoints import Endpoint, EndpointKind
from tailrace.wire.usage import Usage

Ids = tuple[int, int] | None

_CACHE_RESULTS = frozenset({"exact", "semantic", "part", "miss", "bypass"})


class Metrics:
    """The metrics of one running proxy; a sink, and the readings that others bring with `observe`.

    `exemplars`: whether sampled traces are exported, so that a bucket can point at one. `method` tells the method of a
    request that has no exchange.
    """

    def __init__(
        self,
        generation: Names,
        labels: Labels,
        *,
        exemplars: bool = False,
        method: Callable[[Trail], str] = lambda _: "",
    ) -> None:
        self.families: list[Family] = []
        self._labels = labels
        self._exemplars = exemplars
        self._method = method
        self._served = self._histograms(names.HTTP_SERVER)
        self._attempts = self._histograms(names.HTTP_CLIENT)
        self._overhead = self._histograms(names.OVERHEAD)
        self._plugins = self._counters(names.PLUGIN_REQUESTS)
        self._plugin_s = self._histograms(names.PLUGIN_DURATION)
        self._cost = self._counters(names.COST_USD)
        self._caches = self._counters(names.CACHE_REQUESTS)
        self._routed = self._counters(names.ROUTED_REQUESTS)
        saved_tokens = self._counters(names.SAVED_INPUT_TOKENS)
        saved_usd, saved_s = self._counters(names.SAVED_USD), self._counters(names.SAVED_SECONDS)
        self._saved = (
            ("cache.saved_usd", saved_usd),
            ("cache.saved_input_tokens", saved_tokens),
            ("cache.saved_s", saved_s),
            ("route.saved_usd", saved_usd),
            ("route.saved_s", saved_s),
            ("compress.saved_usd", saved_usd),
            ("compress.saved_input_tokens", saved_tokens),
        )
        self.loop_lag = self._histograms(names.LOOP_LAG).at()
        self._inferences = self._histograms(generation.inference_duration)
        same = generation.operation_duration is generation.inference_duration
        self._operations = self._inferences if same else self._histograms(generation.operation_duration)
        self._first_chunk = self._histograms(generation.first_chunk)
        self._usage = [self._counters(metric) for metric in generation.usage]
        self._input_sizes = self._histograms(generation.input_sizes) if generation.input_sizes else None
        self._output_sizes = self._histograms(generation.output_sizes) if generation.output_sizes else None
        self._tokens = self._histograms(generation.token_usage) if generation.token_usage else None

    def _counters(self, metric: Metric) -> Counters:
        self.families.append(made := Counters(metric))
        return made

    def _histograms(self, metric: Metric) -> Histograms:
        self.families.append(made := Histograms(metric))
        return made

    def observe(self, metric: Metric, read: Reading) -> None:
        """Have a metric read when somebody asks for it; `read` is called on whichever thread that is."""
        self.families.append(Observed(metric, read))

    def __call__(self, endpoint: Endpoint, exchange: Exchange | None, trail: Trail, outcome: Outcome) -> None:
        """Count a request that ended."""
        trace, labels = trail.trace, self._labels
        ids = (trace.trace_id, trace.span_id) if trace.sampled and self._exemplars else None
        route = route_of(endpoint, exchange)
        method = method_of(endpoint, exchange, "" if exchange is not None else self._method(trail))
        error = labels.error(server_error(outcome))
        self._served.at(method, "http", route, str(outcome.status or ""), error).record(outcome.duration_s, ids)
        if trail.attempts and trail.call_started:
            self._count_attempts(trail, outcome)
            if (added := overhead_s(trail)) is not None:
                self._overhead.at(route).record(added, ids)
            if endpoint.operation is not None:
                self._count_call(endpoint, endpoint.operation, exchange, trail, outcome)
        for scope in trail.scopes:
            action = scope.action or "unfinished"
            self._plugins.at(scope.plugin, action, labels.reason(scope.plugin, scope.label)).value += 1
            if scope.facts:
                self._count_facts(scope)
            if scope.ended:
                self._plugin_s.at(scope.plugin).record(scope.self_s, ids)

    def _count_facts(self, scope: PluginScope) -> None:
        """What a plugin says of a cache's result, of a route and of savings, under the names that all plugins share."""
        facts, plugin = scope.facts, scope.plugin
        result = facts.get("cache.result")
        if result is not None:
            self._caches.at(plugin, result if result in _CACHE_RESULTS else OTHER).value += 1
        tier = facts.get("route.tier")
        if tier is not None:
            model = self._labels.asked_for(str(facts.get("route.model")))
            self._routed.at(plugin, str(tier), model, str(facts.get("route.reason"))).value += 1
        for name, counters in self._saved:
            saved = facts.get(name)
            # Counters never go down: a plugin that has more spent than saved keeps that to itself until it is made up.
            if isinstance(saved, (int, float)) and saved > 0:
                counters.at(plugin).value += saved

    def _count_attempts(self, trail: Trail, outcome: Outcome) -> None:
        for attempt in trail.attempts:
            ids = (trail.trace.trace_id, attempt.span_id) if trail.trace.sampled and self._exemplars else None
            known = self._labels.providers.get(attempt.provider)
            host = attempt.host or (known.host if known is not None else OTHER)
            port = attempt.port or (known.port if known is not None else 443)
            status = str(attempt.status or "")
            error = self._labels.error(attempt_error(trail, outcome, attempt))
            seen = self._attempts.at(method_word(attempt.method), host, str(port), status, error)
            seen.record(max(0.0, attempt_end(trail, attempt) - attempt.started), ids)

    def _count_call(
        self, endpoint: Endpoint, operation: str, exchange: Exchange | None, trail: Trail, outcome: Outcome
    ) -> None:
        trace, labels = trail.trace, self._labels
        ids = (trace.trace_id, trail.call_span_id) if trace.sampled and self._exemplars else None
        error = labels.error(call_error(trail, outcome))
        provider = labels.provider(trail.provider)
        answered = not error and bool(trail.first_chunk_at)
        model = labels.model(trail.provider, trail.model, answered=answered)
        embeds = endpoint.kind is EndpointKind.EMBEDDINGS
        durations = self._operations if embeds else self._inferences
        durations.at(operation, provider, model, error).record(max(0.0, upstream_s(trail)), ids)
        if trail.watch is not None and trail.first_chunk_at:
            waited = trail.first_chunk_at - trail.call_started
            self._first_chunk.at(operation, provider, model).record(waited, ids)
        if outcome.usage is not None:
            payload = exchange.payload if exchange is not None else {}
            self._count_tokens(operation, provider, model, error, outcome.usage, payload, ids)
        if outcome.answer_usd is not None:
            self._cost.at(trail.provider, model).value += outcome.answer_usd
        for one in outcome.dropped:
            # Billed under their own models, though the client never saw them.
            name = labels.model(one.provider, one.model, answered=True)
            self._count_tokens(operation, labels.provider(one.provider), name, "", one.usage, {}, ids)
            if one.cost_usd is not None:
                self._cost.at(one.provider, name).value += one.cost_usd

    def _count_tokens(
        self,
        operation: str,
        provider: str,
        model: str,
        error: str,
        usage: Usage,
        payload: Mapping[str, object],
        ids: Ids,
    ) -> None:
        if self._tokens is not None:
            self._tokens.at(operation, provider, model, "input").record(usage.input_tokens, ids)
            self._tokens.at(operation, provider, model, "output").record(usage.output_tokens, ids)
        if self._input_sizes is not None and self._output_sizes is not None:
            self._input_sizes.at(operation, provider, model, error).record(usage.input_tokens, ids)
            self._output_sizes.at(operation, provider, model, error).record(usage.output_tokens, ids)
        if not self._usage:
            return
        into, out = input_modality(payload), output_modality(payload)
        told = (
            (usage.input_tokens, into),
            (usage.output_tokens, out),
            (usage.cache_read_tokens, into),
            (usage.cache_write_tokens, into),
            (usage.reasoning_tokens, out),
        )
        for counters, (tokens, modality) in zip(self._usage, told, strict=True):
            if tokens:
                counters.at(operation, provider, model, modality).value += tokens
