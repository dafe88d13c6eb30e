import pytest

from tailrace.telemetry.calls import attempt_span, call_span
from tailrace.telemetry.names import NAMES
from tailrace.telemetry.record import SpanRules
from tailrace.wire.endpoints import EMBEDDINGS, MESSAGES


def call(ended, rules):
    return call_span(ended.endpoint, ended.endpoint.operation, ended.exchange, ended.trail, ended.outcome, rules, None)


def attempt(ended, rules, position=0):
    made = ended.trail.attempts[position]
    return attempt_span(ended.endpoint, ended.trail, ended.outcome, made, position, 1, rules)


@pytest.mark.parametrize(
    "url",
    [
        "/v1/chat/completions?api-version=secret",
        "https://api.openai.com:443/v1/chat/completions?key=secret",
        "https://user:secret@api.openai.com/v1/chat/completions",
    ],
)
def test_a_url_is_told_without_its_secrets(story, rules, url):
    ended = story().attempt(9, url=url).whole().end(10)
    assert attempt(ended, rules).attributes["url.full"] == "https://api.openai.com:443/v1/chat/completions"


def test_a_host_that_is_an_address(story, rules):
    ended = story().attempt(9, provider="local").whole().end(10)
    ended.trail.attempts[0].host, ended.trail.attempts[0].port = "", 0
    assert attempt(ended, rules).attributes["url.full"] == "http://[::1]:80/v1/chat/completions"


def test_embeddings_have_no_output(story, rules):
    body = {"id": "e", "model": "text-embedding-3-small", "usage": {"prompt_tokens": 4, "total_tokens": 4}}
    payload = {"model": "text-embedding-3-small", "input": "x"}
    ended = story(endpoint=EMBEDDINGS, payload=payload, session="s").attempt(9, model="text-embedding-3-small")
    span = call(ended.whole(body).end(10), rules)
    assert span.name == "embeddings text-embedding-3-small"
    assert span.attributes["gen_ai.usage.input_tokens"] == 4
    assert not {"gen_ai.usage.output_tokens", "gen_ai.response.id", "gen_ai.conversation.id"} & set(span.attributes)


@pytest.mark.parametrize(
    ("semconv", "name"),
    [
        ("2026-10", "gen_ai.usage.cache_write.input_tokens"),
        ("1.41", "gen_ai.usage.cache_creation.input_tokens"),
    ],
)
def test_the_generations_name_cache_writes_differently(story, semconv, name):
    body = {"id": "m", "usage": {"input_tokens": 3, "output_tokens": 4, "cache_creation_input_tokens": 5}}
    ended = story(endpoint=MESSAGES).attempt(9).whole(body).end(10)
    assert call(ended, SpanRules(lambda: 1, NAMES[semconv])).attributes[name] == 5


def test_an_estimate_says_so(told, rules):
    assert call(told["left"], rules).attributes["tailrace.usage_estimated"] is True


def test_the_attempt_that_brought_a_stream_lasts_as_long_as_the_stream(told, rules):
    ended = told["stream"]
    assert attempt(ended, rules).end_ns == call(ended, rules).end_ns


def test_texts_of_others_are_cut(story, rules):
    span = call(story(session="s" * 999).attempt(9, model="m" * 999).whole().end(10), rules)
    assert max(len(value) for value in span.attributes.values() if isinstance(value, str)) == 256
