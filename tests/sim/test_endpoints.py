import orjson
import pytest

from tailrace.sim import SimSettings
from tailrace.sim.endpoints import CHAT, COUNT_TOKENS, MESSAGES, MODERATIONS, RESPONSES, SPEECH, decide
from tailrace.sim.errors import Refusal
from tailrace.sim.faults import chosen
from tailrace.sim.provider import Provider

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def provider():
    return Provider(SimSettings(first_token_ms=0, per_token_ms=0))


def answered(script):
    return orjson.loads(b"".join(step.data for step in script.steps))


def test_a_stream_says_what_the_whole_says(provider):
    whole = answered(decide(provider, CHAT, BODY, None, "k"))
    steps = list(decide(provider, CHAT, {**BODY, "stream": True}, None, "k").steps)
    chunks = [orjson.loads(step.data.removeprefix(b"data: ")) for step in steps[:-1]]
    said = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert said == whole["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    "body", [None, [], "x", {"model": "m"}, {**BODY, "tools": [{"type": "function", "function": 7}]}]
)
def test_bad_bodies_are_refused(provider, body):
    script = decide(provider, CHAT, body, None, "k")
    assert script.status == 400
    assert answered(script)["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(("endpoint", "key"), [(CHAT, "error"), (RESPONSES, "error"), (MESSAGES, "error")])
def test_a_refused_key_is_refused_everywhere(provider, endpoint, key):
    script = decide(provider, endpoint, BODY, None, Refusal(401, "no", code="invalid_api_key"))
    assert script.status == 401
    assert answered(script)[key]["message"] == "no"


def test_a_fault_wins_over_a_bad_body(provider):
    assert decide(provider, CHAT, None, chosen("fault-503"), "k").status == 503


def test_a_fault_that_replaces_the_answer_costs_no_prefix(provider):
    body = {"model": "m", "messages": [{"role": "user", "content": "word " * 3000}]}
    decide(provider, CHAT, body, chosen("fault-503"), "k")
    assert answered(decide(provider, CHAT, body, None, "k"))["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert answered(decide(provider, CHAT, body, None, "k"))["usage"]["prompt_tokens_details"]["cached_tokens"] > 2000


def test_tokens_are_counted_as_they_are_billed(provider):
    body = {**BODY, "max_tokens": 9, "system": "Be brief"}
    counted = answered(decide(provider, COUNT_TOKENS, body, None, "k"))["input_tokens"]
    assert counted == answered(decide(provider, MESSAGES, body, None, "k"))["usage"]["input_tokens"]


def test_moderations(provider):
    made = answered(decide(provider, MODERATIONS, {"input": ["fine", "bad [[sim:flag]]"]}, None, "k"))
    assert [result["flagged"] for result in made["results"]] == [False, True]


def test_speech_is_bytes(provider):
    script = decide(provider, SPEECH, {"model": "tts", "input": "hello"}, None, "k")
    assert ("content-type", "audio/mpeg") in script.headers
    assert sum(len(step.data) for step in script.steps) == 6000
