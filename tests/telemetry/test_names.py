"""A checker over what leaves: a compact table of the conventions' names, written for this project."""

import re

import pytest

from tailrace.telemetry.names import NAMES, T_BOUNDS
from tailrace.telemetry.record import SpanRules
from tailrace.telemetry.spans import build

# name: type. A trailing ! marks what is required.
SERVER = """http.request.method:str! url.scheme:str! url.path:str! http.route:str http.response.status_code:int
server.address:str server.port:int user_agent.original:str error.type:str http.request.method_original:str"""
ATTEMPT = """http.request.method:str! url.full:str! server.address:str! server.port:int! error.type:str
http.response.status_code:int http.request.resend_count:int"""
CALL = """gen_ai.operation.name:str! gen_ai.provider.name:str! gen_ai.request.model:str! server.address:str
server.port:int error.type:str openai.api.type:str gen_ai.request.max_tokens:int gen_ai.request.choice.count:int
gen_ai.request.temperature:float gen_ai.request.top_p:float gen_ai.request.top_k:int gen_ai.request.seed:int
gen_ai.request.frequency_penalty:float gen_ai.request.presence_penalty:float gen_ai.request.stream:bool
gen_ai.request.reasoning.level:str gen_ai.output.type:str gen_ai.conversation.id:str gen_ai.response.id:str
gen_ai.response.model:str gen_ai.response.finish_reasons:list gen_ai.response.time_to_first_chunk:float
gen_ai.usage.input_tokens:int gen_ai.usage.output_tokens:int gen_ai.usage.cache_read.input_tokens:int
gen_ai.usage.cache_write.input_tokens:int gen_ai.usage.reasoning.output_tokens:int"""
OPERATIONS = {"chat", "text_completion", "embeddings"}
METRICS = {
    "2026-10": """http.server.request.duration http.client.request.duration http.server.active_requests
        gen_ai.client.inference.duration gen_ai.client.operation.duration gen_ai.client.inference.time_to_first_chunk
        gen_ai.client.inference.usage.input_tokens gen_ai.client.inference.usage.output_tokens
        gen_ai.client.inference.usage.cache_read.input_tokens gen_ai.client.inference.usage.cache_write.input_tokens
        gen_ai.client.inference.usage.reasoning.output_tokens gen_ai.client.inference.operation.input_tokens
        gen_ai.client.inference.operation.output_tokens""",
    "1.41": """http.server.request.duration http.client.request.duration http.server.active_requests
        gen_ai.client.operation.duration gen_ai.client.operation.time_to_first_chunk gen_ai.client.token.usage""",
}


def table(text):
    entries = (entry.rstrip("!").rpartition(":") for entry in text.split())
    types = {name: kind for name, _, kind in entries}
    return types, {entry.rpartition(":")[0] for entry in text.split() if entry.endswith("!")}


def test_every_span_has_what_it_must_and_nothing_else(ended, rules):
    for span in build(ended.endpoint, ended.exchange, ended.trail, ended.outcome, rules):
        if span.kind == "internal":
            assert all(name.startswith("tailrace.") or name == "error.type" for name in span.attributes)
            continue
        kind = SERVER if span.kind == "server" else ATTEMPT if "url.full" in span.attributes else CALL
        types, required = table(kind)
        assert required <= set(span.attributes)
        for name, value in span.attributes.items():
            assert name.startswith("tailrace.") or type(value).__name__ == types[name], name
        assert ("server.address" in span.attributes) == ("server.port" in span.attributes)
        assert span.attributes.get("gen_ai.operation.name", "chat") in OPERATIONS


@pytest.mark.parametrize("semconv", NAMES)
def test_the_metrics_of_each_generation(semconv):
    metrics = NAMES[semconv].metrics
    shared = [metric.name for metric in metrics if not metric.name.startswith("tailrace.")]
    assert sorted(shared) == sorted(METRICS[semconv].split())
    assert len({metric.name for metric in metrics}) == len(metrics)
    for metric in metrics:
        assert bool(metric.bounds) == (metric.kind == "histogram")
        assert list(metric.bounds) == sorted(set(metric.bounds))
        assert metric.text.endswith(".")
        assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", metric.name)


def test_the_buckets_of_the_conventions():
    names = NAMES["2026-10"]
    assert names.inference_duration.bounds[:3] == (0.01, 0.02, 0.04)
    assert names.inference_duration.bounds[-1] == 81.92
    assert (T_BOUNDS[0], T_BOUNDS[-1]) == (1, 67_108_864)
    assert next(m for m in names.metrics if m.name == "http.server.request.duration").bounds[-1] == 80


def test_the_old_generation_is_used_where_it_is_asked_for(told, rules):
    old = SpanRules(rules.new_id, NAMES["1.41"], rules.providers)
    ended = told["plain"]
    spans = build(ended.endpoint, ended.exchange, ended.trail, ended.outcome, old)
    assert not any("cache_write" in name for span in spans for name in span.attributes)
