import pytest

from tailrace.telemetry.spans import build
from tailrace.wire.endpoints import MODELS, PASSTHROUGH

NAMES = {
    "plain": ["POST", "chat gpt-4o-mini", "POST /v1/chat/completions"],
    "inbound": ["POST", "chat gpt-4o-mini", "POST /v1/chat/completions"],
    "stream": ["POST", "chat gpt-4o-mini", "POST /v1/chat/completions"],
    "retry": ["POST", "POST", "chat gpt-4o-mini", "POST /v1/chat/completions"],
    "fallback": ["POST", "POST", "chat qwen3", "POST /v1/chat/completions"],
    "hit": ["tailrace.exact_cache", "POST /v1/chat/completions"],
    "refused": ["POST /v1/chat/completions"],
    "nowhere": ["HTTP"],
    "left": ["POST", "chat gpt-4o-mini", "POST /v1/chat/completions"],
    "left_early": ["POST /v1/chat/completions"],
    "cut": ["POST", "chat gpt-4o-mini", "POST /v1/chat/completions"],
    "timeout": ["POST", "chat gpt-4o-mini", "POST /v1/chat/completions"],
    "failed": ["POST", "POST", "chat gpt-4o-mini", "POST /v1/chat/completions"],
}
ERRORS = {
    "retry": ["429", None, None, None],
    "fallback": ["connect", None, None, None],
    "cut": ["cut", "cut", "cut"],
    "timeout": ["timeout", "timeout", "timeout"],
    "failed": ["500", "503", "503", "server_error"],
}


def built(ended, rules, **more):
    return build(ended.endpoint, ended.exchange, ended.trail, ended.outcome, rules, **more)


@pytest.mark.parametrize("kind", NAMES)
def test_the_tree(kind, told, rules):
    spans = built(told[kind], rules)
    assert [span.name for span in spans] == NAMES[kind]
    errors = [span.attributes.get("error.type") for span in spans]
    assert errors == ERRORS.get(kind, [None] * len(spans))
    assert [span.failed for span in spans] == [error is not None for error in errors]


def test_every_parent_is_a_later_span_or_came_from_outside(ended, rules):
    spans = built(ended, rules)
    *_, server = spans
    assert server.kind == "server"
    assert server.parent_id == ended.trail.trace.parent_id
    assert server.remote_parent == bool(server.parent_id)
    for position, span in enumerate(spans[:-1]):
        assert span.parent_id in {later.span_id for later in spans[position + 1 :]}
    assert len({span.span_id for span in spans}) == len(spans)
    assert {span.trace_id for span in spans} == {ended.trail.trace.trace_id}


def test_every_span_ends_after_it_began_and_within_its_request(ended, rules):
    *inner, server = built(ended, rules)
    for span in inner:
        assert server.start_ns <= span.start_ns <= span.end_ns <= server.end_ns


def test_usage_is_on_exactly_one_span(ended, rules):
    with_usage = [span for span in built(ended, rules) if any("usage" in name for name in span.attributes)]
    assert len(with_usage) == (ended.outcome.usage is not None)
    assert all(span.name.startswith("chat ") for span in with_usage)


def test_nothing_a_client_wrote_is_in_them(ended, rules, canaries):
    text = repr(built(ended, rules))
    assert not any(canary in text for canary in canaries)


def test_the_call(told, rules):
    ended = told["stream"]
    _, call, _ = built(ended, rules)
    first_chunk = call.attributes.pop("gen_ai.response.time_to_first_chunk")
    assert first_chunk == pytest.approx(0.198)
    cost = call.attributes.pop("tailrace.cost_usd")
    assert cost == pytest.approx((36 * 0.15 + 64 * 0.075 + 20 * 0.6) / 1e6)
    assert call.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "server.address": "api.openai.com",
        "server.port": 443,
        "openai.api.type": "chat_completions",
        "gen_ai.request.stream": True,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.seed": 7,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.response.id": "chatcmpl-2",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.reasoning.output_tokens": 5,
    }
    assert call.end_ns - ended.trail.started_ns == pytest.approx(1e9, abs=1e3)


def test_the_server(told, rules):
    ended = told["plain"]
    *_, server = built(ended, rules)
    assert server.attributes == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "url.path": "/v1/chat/completions",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": 8080,
        "user_agent.original": "OpenAI/Python 2",
        "tailrace.request_id": ended.trail.request_id,
        "tailrace.requested_model": "gpt-4o-mini",
        "tailrace.state": "complete",
    }


def test_an_attempt(told, rules):
    first, second, *_ = built(told["retry"], rules)
    assert first.attributes["http.response.status_code"] == 429
    assert "http.request.resend_count" not in first.attributes
    assert second.attributes == {
        "http.request.method": "POST",
        "url.full": "https://api.openai.com:443/v1/chat/completions",
        "server.address": "api.openai.com",
        "server.port": 443,
        "http.response.status_code": 200,
        "http.request.resend_count": 1,
    }


def test_a_client_that_leaves_is_no_error_and_its_status_was_never_sent(told, rules):
    for kind in ("left", "left_early"):
        assert not any(span.failed for span in built(told[kind], rules))
    *_, server = built(told["left_early"], rules)
    assert "http.response.status_code" not in server.attributes
    assert server.attributes["tailrace.state"] == "client_left"


def test_the_session_only_if_the_client_gave_one(story, rules):
    for session in ("s-1", None):
        _, call, _ = built(story(session=session).attempt(9).whole().end(10), rules)
        assert call.attributes.get("gen_ai.conversation.id") == session


def test_a_quiet_plugin_is_a_fact_on_the_server_span(story, rules):
    quiet = story().plugin("router", "stood-aside", "sticky", {"tier": "simple"}).attempt(9).whole().end(10)
    *_, server = spans = built(quiet, rules)
    assert len(spans) == 3
    assert server.attributes["tailrace.router.action"] == "stood-aside"
    assert server.attributes["tailrace.router.reason"] == "sticky"
    assert server.attributes["tailrace.router.tier"] == "simple"


@pytest.mark.parametrize(
    ("action", "label", "self_ms", "error"),
    [
        ("acted", "routed(gpt-4o)", 0.1, None),
        ("stood-aside", "too-small", 1.5, None),
        ("failed", "ValueError", 0.1, "ValueError"),
        ("timed-out", "", 2000, "timeout"),
    ],
)
def test_a_plugin_with_a_span(story, rules, action, label, self_ms, error):
    ended = story().plugin("router", action, label, {"tier": "simple"}, self_ms=self_ms).attempt(9).whole().end(10)
    plugin = built(ended, rules)[-2]
    assert (plugin.name, plugin.kind) == ("tailrace.router", "internal")
    assert plugin.attributes["tailrace.router.action"] == action
    assert plugin.attributes["tailrace.router.tier"] == "simple"
    assert plugin.attributes.get("error.type") == error
    assert plugin.failed == (error is not None)


def test_a_cache_hit_tells_its_facts_under_the_contract_s_names(told, rules):
    cache, _ = built(told["hit"], rules)
    assert cache.attributes["tailrace.cache.result"] == "exact"


def test_a_passthrough_path_is_never_told(story, rules, canaries):
    path = f"/v1/files/{canaries[0]}"
    ended = story(endpoint=PASSTHROUGH, payload={}, method="GET", path=path).attempt(9, url=path).end(10)
    attempt, server = built(ended, rules)
    assert server.name == "GET /v1/*"
    assert attempt.parent_id == server.span_id
    assert attempt.attributes["url.full"] == "https://api.openai.com:443/v1/*"


def test_a_model_nobody_knows_is_told_only_if_a_provider_was_asked_for_it(story, rules, canaries):
    payload = {"model": canaries[1], "messages": []}
    *_, server = built(story(payload=payload).end(1, status=404, error="model_not_found"), rules)
    assert "tailrace.requested_model" not in server.attributes


def test_methods(story, rules):
    *_, server = built(story(endpoint=MODELS, payload={}, method="BREW").end(1), rules)
    assert server.name == "HTTP /v1/models"
    assert server.attributes["http.request.method"] == "_OTHER"
    assert server.attributes["http.request.method_original"] == "BREW"
    *_, server = built(story(endpoint=PASSTHROUGH, payload=None).end(1, status=404), rules, method="PUT")
    assert server.name == "PUT"


def test_content_is_on_the_call_and_weighs(told, rules):
    content = {"gen_ai.input.messages": "[]", "tailrace.content_truncated": True}
    _, call, _ = built(told["plain"], rules, content=content)
    assert call.attributes["gen_ai.input.messages"] == "[]"
    assert call.weight == 2
