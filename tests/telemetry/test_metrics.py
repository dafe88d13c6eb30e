import pytest

from tailrace.config.models import Config
from tailrace.telemetry.aggregate import snapshot
from tailrace.telemetry.labels import Labels
from tailrace.telemetry.metrics import Metrics
from tailrace.telemetry.names import NAMES
from tailrace.wire.endpoints import EMBEDDINGS, PASSTHROUGH


def numbers(*requests, prices=None, semconv="2026-10", exemplars=False):
    """Metric -> labels -> value, or (observations, sum) of a histogram; labels that do not apply left out."""
    labels = Labels()
    if prices is not None:
        labels.follow(Config(providers={"openai": {"base_url": "https://api.openai.com/v1"}}), prices)
    metrics = Metrics(NAMES[semconv], labels, exemplars=exemplars)
    for ended in requests:
        ended.tell(metrics)
    found = {}
    for family in metrics.families:
        for point in snapshot(family):
            value = (sum(point.counts), round(point.value, 6)) if point.counts else point.value
            found.setdefault(family.metric.name, {})[" ".join(filter(None, point.labels))] = value
    return found


def test_a_plain_request(told, prices):
    found = numbers(told["plain"], prices=prices)
    call = "chat openai gpt-4o-mini"
    cost = found.pop("tailrace.cost.usd")
    assert cost == {"openai gpt-4o-mini": pytest.approx(22.2e-6)}
    found.pop("tailrace.loop.lag")
    assert found == {
        "http.server.request.duration": {"POST http /v1/chat/completions 200": (1, 0.803)},
        "http.client.request.duration": {"POST api.openai.com 443 200": (1, 0.798)},
        "tailrace.overhead.duration": {"/v1/chat/completions": (1, 0.005)},
        "gen_ai.client.inference.duration": {call: (1, 0.798)},
        "gen_ai.client.inference.usage.input_tokens": {f"{call} text": 100},
        "gen_ai.client.inference.usage.output_tokens": {f"{call} text": 20},
        "gen_ai.client.inference.usage.cache_read.input_tokens": {f"{call} text": 64},
        "gen_ai.client.inference.usage.reasoning.output_tokens": {f"{call} text": 5},
        "gen_ai.client.inference.operation.input_tokens": {call: (1, 100)},
        "gen_ai.client.inference.operation.output_tokens": {call: (1, 20)},
    }


def test_a_stream_has_its_first_chunk(told, prices):
    found = numbers(told["stream"], prices=prices)
    assert found["gen_ai.client.inference.time_to_first_chunk"] == {"chat openai gpt-4o-mini": (1, 0.198)}
    assert found["gen_ai.client.inference.duration"] == {"chat openai gpt-4o-mini": (1, 0.998)}


def test_attempts_are_counted_each_and_the_call_once(told, prices):
    found = numbers(told["retry"], prices=prices)
    attempts = found["http.client.request.duration"]
    assert set(attempts) == {"POST api.openai.com 443 429 429", "POST api.openai.com 443 200"}
    assert found["gen_ai.client.inference.duration"] == {"chat openai gpt-4o-mini": (1, 0.898)}


def test_a_hit_has_no_call_and_no_tokens(told, prices):
    found = numbers(told["hit"], prices=prices)
    assert not any(name.startswith("gen_ai") for name in found)
    assert found["tailrace.plugin.requests"] == {"exact_cache acted hit": 1}
    assert found["tailrace.plugin.duration"] == {"exact_cache": (1, 0.0001)}


def test_failures(told, prices):
    found = numbers(told["timeout"], told["cut"], told["refused"], told["left_early"], prices=prices)
    assert set(found["http.server.request.duration"]) == {
        "POST http /v1/chat/completions 504 timeout",
        "POST http /v1/chat/completions 200 cut",
        "POST http /v1/chat/completions 401",
        "POST http /v1/chat/completions 499",
    }
    assert set(found["gen_ai.client.inference.duration"]) == {
        "chat openai gpt-4o-mini timeout",
        "chat openai gpt-4o-mini cut",
    }
    assert found["tailrace.plugin.requests"] == {"router unfinished": 1}
    assert "tailrace.plugin.duration" not in found


def test_embeddings_are_no_inference(story, prices):
    body = {"usage": {"prompt_tokens": 4, "total_tokens": 4}}
    payload = {"model": "text-embedding-3-small", "input": "x"}
    ended = story(endpoint=EMBEDDINGS, payload=payload).attempt(9, model="text-embedding-3-small").whole(body).end(10)
    found = numbers(ended, prices=prices)
    call = "embeddings openai text-embedding-3-small"
    assert found["gen_ai.client.operation.duration"] == {call: (1, 0.007)}
    assert found["gen_ai.client.inference.usage.input_tokens"] == {f"{call} text": 4}
    assert "gen_ai.client.inference.duration" not in found


def test_the_old_generation(told, prices):
    found = numbers(told["stream"], prices=prices, semconv="1.41")
    call = "chat openai gpt-4o-mini"
    assert found["gen_ai.client.operation.duration"] == {call: (1, 0.998)}
    assert found["gen_ai.client.operation.time_to_first_chunk"] == {call: (1, 0.198)}
    assert found["gen_ai.client.token.usage"] == {f"{call} input": (1, 100), f"{call} output": (1, 20)}


def test_what_is_not_sampled_is_counted_too_but_is_no_example(story, prices):
    labels = Labels()
    metrics = Metrics(NAMES["2026-10"], labels, exemplars=True)
    story(sampled=False).attempt(9).whole().end(10).tell(metrics)
    served = metrics.families[0]
    [point] = snapshot(served)
    assert sum(point.counts) == 1
    assert not any(point.exemplars)
    story(sampled=True).attempt(9).whole().end(10).tell(metrics)
    [point] = snapshot(served)
    assert [(each.trace_id, each.span_id) for each in point.exemplars if each] == [(0xABC1 << 64, 0x51)]


def test_a_client_makes_no_labels(story, prices, canaries):
    models = [f"{canaries[1]}-{number}" for number in range(100)]
    requests = [story(payload={"model": each}).attempt(9, 404, "404", model=each) for each in models]
    path = f"/v1/{canaries[0]}"
    odd = story(endpoint=PASSTHROUGH, payload={}, method=canaries[0], path=path).attempt(9, url=path)
    found = numbers(*(each.end(10, status=404) for each in requests), odd.end(10), prices=prices)
    assert found["gen_ai.client.inference.duration"] == {"chat openai other 404": (100, 0.7)}
    assert not any(canary in repr(found) for canary in canaries)


def test_no_request_is_lost_on_its_way_to_the_numbers(ended):
    assert sum(count for count, _ in numbers(ended)["http.server.request.duration"].values()) == 1


def test_a_routed_request_is_counted_by_tier_with_what_it_saved(told, prices):
    found = numbers(told["routed"], prices=prices)
    assert found["tailrace.routed.requests"] == {"router simple gpt-4o-mini first-turn": 1}
    assert found["tailrace.saved.usd"] == {"router": 0.5}
    assert found["tailrace.saved.seconds"] == {"router": 1.5}


def test_a_dropped_answer_is_billed_under_its_own_model(told, prices):
    found = numbers(told["dropped"], prices=prices)
    assert found["tailrace.cost.usd"] == {
        "openai gpt-4o": pytest.approx(2.5),
        "openai gpt-4o-mini": pytest.approx(22.2e-6),
    }
    tokens = found["gen_ai.client.inference.usage.input_tokens"]
    assert tokens == {"chat openai gpt-4o-mini text": 100, "chat openai gpt-4o text": 1_000_000}
