"""The endpoints that take one JSON body: from the body to the script, without IO."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from . import chat, completions, embeddings, files, messages, responses
from .chat import FINGERPRINT
from .errors import Refusal, error_script
from .faults import Chosen
from .provider import Generated, Provider
from .script import Kind, Script, Shape, Step, json_script, sse_script

Body = Mapping[str, Any]
Answer = Callable[[Provider, Body, str], Script]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How one kind of request is answered, and in whose shape its errors are."""

    answer: Answer
    shape: Shape = Shape.OPENAI


def decide(provider: Provider, endpoint: Endpoint, body: Any, fault: Chosen | None, key: str | Refusal) -> Script:
    """Return the answer to a parsed body (None if it was no JSON), spoilt by the fault if one is due."""
    stream = isinstance(body, dict) and body.get("stream") is True
    if fault is not None and fault.fault.replaces:
        return fault.spoil(Script(shape=endpoint.shape, stream=stream))
    try:
        if isinstance(key, Refusal):
            raise key
        if not isinstance(body, dict):
            raise Refusal(400, "We could not parse the JSON body of your request.")
        script = _answered(provider, endpoint, body, key)
    except Refusal as refusal:
        script = error_script(refusal, endpoint.shape)
    return script if fault is None else fault.spoil(replace(script, shape=endpoint.shape))


def _answered(provider: Provider, endpoint: Endpoint, body: Body, key: str) -> Script:
    try:
        return endpoint.answer(provider, body, key)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # A field of the wrong type deep in a body: the real providers say 400 too, in more words.
        raise Refusal(400, f"The request body is malformed: {type(error).__name__}: {error}") from error


def _whole(made: Generated, payload: dict[str, Any]) -> Script:
    tokens = made.usage.completion
    return Script(
        headers=(("content-type", "application/json"),),
        steps=(Step(orjson.dumps(payload), Kind.BODY, tokens, made.pace.whole_ms(tokens)),),
    )


def _include_usage(body: Body) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _chat(provider: Provider, body: Body, key: str) -> Script:
    made = provider.generate(chat.read(body, provider.tokenizer), key)
    head = provider.head("chatcmpl-sim-", body["model"])
    top = (body.get("top_logprobs") or 0) if body.get("logprobs") else None
    if body.get("stream"):
        usage = made.usage if _include_usage(body) else None
        return sse_script(made.pace.over(chat.chunks(head, made.choices, usage, top)))
    return _whole(made, chat.written(head, made.choices, made.usage, top))


def _completions(provider: Provider, body: Body, key: str) -> Script:
    made = provider.generate(completions.read(body, provider.tokenizer), key)
    head = provider.head("cmpl-sim-", body["model"])
    logprobs = body.get("logprobs")
    if body.get("stream"):
        usage = made.usage if _include_usage(body) else None
        return sse_script(made.pace.over(completions.chunks(head, made.choices, usage, logprobs)))
    return _whole(made, completions.written(head, made.choices, made.usage, logprobs))


def _embeddings(provider: Provider, body: Body, key: str) -> Script:
    return json_script(embeddings.written(body), wait_ms=provider.settings.first_token_ms / 4)


def _responses(provider: Provider, body: Body, key: str) -> Script:
    earlier = provider.responses.earlier(body.get("previous_response_id"), key)
    made = provider.generate(responses.read(body, earlier, provider.tokenizer), key)
    head = provider.head("resp_sim_", body["model"])
    done = responses.written(head, body, made.choices[0], made.usage)
    if body.get("store") is not False:
        provider.responses.keep(done, [*earlier, *responses.items(body.get("input"), provider.new_id)], key)
    if body.get("stream"):
        return sse_script(made.pace.over(responses.events(done, made.choices[0])))
    return _whole(made, done)


def _messages(provider: Provider, body: Body, key: str) -> Script:
    made = provider.generate(messages.read(body, provider.tokenizer), key, marked=True)
    head = provider.head("msg_sim_", body["model"])
    if body.get("stream"):
        return sse_script(made.pace.over(messages.events(head, made.choices[0], made.usage)))
    return _whole(made, messages.written(head, made.choices[0], made.usage))


def _count_tokens(provider: Provider, body: Body, key: str) -> Script:
    asked = messages.read(body, provider.tokenizer, counting=True)
    return json_script({"input_tokens": asked.prompt_tokens})


def _moderations(provider: Provider, body: Body, key: str) -> Script:
    given = body.get("input")
    if not given:
        raise Refusal(400, "Missing required parameter: 'input'.", param="input")
    names = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")
    flagged = [b"[[sim:flag]]" in orjson.dumps(one) for one in (given if isinstance(given, list) else [given])]
    results = [
        {
            "flagged": flag,
            "categories": {name: flag and name == "violence" for name in names},
            "category_scores": {name: 0.9 if flag and name == "violence" else 0.0001 for name in names},
        }
        for flag in flagged
    ]
    model = body.get("model") or "omni-moderation-latest"
    made = {"id": provider.new_id("modr-sim-"), "model": model, "results": results}
    return json_script({**made, "system_fingerprint": FINGERPRINT})


def _speech(provider: Provider, body: Body, key: str) -> Script:
    text = body.get("input")
    if not isinstance(text, str) or not text:
        raise Refusal(400, "Missing required parameter: 'input'.", param="input")
    return files.speech(text)


CHAT = Endpoint(_chat)
COMPLETIONS = Endpoint(_completions)
EMBEDDINGS = Endpoint(_embeddings)
SPEECH = Endpoint(_speech)
MODERATIONS = Endpoint(_moderations)
RESPONSES = Endpoint(_responses, Shape.RESPONSES)
MESSAGES = Endpoint(_messages, Shape.ANTHROPIC)
COUNT_TOKENS = Endpoint(_count_tokens, Shape.ANTHROPIC)
