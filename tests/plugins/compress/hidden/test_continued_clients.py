"""What the official clients make of the streams that they are given."""

import importlib

import anthropic
import anthropic._base_client
import httpx
import openai
import pytest

from tailrace.testing import events, virtual_time

SHAPES = ("chat", "responses", "messages")
EACH = pytest.mark.parametrize("shape", SHAPES)
# Its own from some version on.
anthropics_http = importlib.import_module(
    "httpx2" if hasattr(anthropic._base_client, "_reject_httpx_object") else "httpx"
)


def serving(http, body):
    def answer(request):
        return http.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    return http.Client(transport=http.MockTransport(answer))


def parsed(shape, body):
    """The final answer as the official client's stream parser has it."""
    with serving(anthropics_http if shape == "messages" else httpx, body) as http:
        if shape == "messages":
            client = anthropic.Anthropic(api_key="k", http_client=http)
            said = [{"role": "user", "content": "Why?"}]
            with client.messages.stream(model="m", max_tokens=9, messages=said) as stream:
                return stream.get_final_message().model_dump(exclude_none=True)
        client = openai.OpenAI(api_key="k", http_client=http)
        if shape == "chat":
            said = [{"role": "user", "content": "Why?"}]
            with client.chat.completions.stream(model="m", messages=said) as stream:
                return stream.get_final_completion().model_dump(exclude_none=True)
        with client.responses.stream(model="m", input="Why?") as stream:
            return stream.get_final_response().model_dump(exclude_none=True)


async def streamed(kit, shape, *bodies):
    result, plugin = await kit.ask(
        shape, *(events(*kit.frames(shape, body)) for body in bodies), payload={"stream": True}
    )
    return result, plugin


@EACH
@virtual_time
async def test_two_rounds_are_one_answer(kit, shape):
    first = kit.answer(shape, "Let me look.", ("expand", '{"id":"a"}'), thought="hm")
    second = kit.answer(shape, "It is 4.", ("expand_all", '{"b":1}'), ("expand", "{}"), number=2, spent=200)
    result, _ = await streamed(kit, shape, first, second)
    answer = parsed(shape, result.body)
    assert answer["id"] == first["id"] and answer["usage"].items() >= second["usage"].items()
    told = str(answer)
    assert "'expand'" not in told and told.count("'expand_all'") == 1 and "Let me look." in told and "It is 4." in told
    if shape == "chat":
        assert answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"b":1}'
        assert answer["choices"][0]["finish_reason"] == "tool_calls"
    elif shape == "messages":
        assert answer["content"][-1]["input"] == {"b": 1} and answer["stop_reason"] == "tool_use"
    else:
        assert answer["output"][-1]["arguments"] == '{"b":1}' and len(answer["output"]) == 4


@EACH
@virtual_time
async def test_an_answer_without_anything_is_one(kit, shape):
    bodies = [kit.answer(shape, ("expand", "{}"), number=number) for number in range(1, 5)]
    result, _ = await streamed(kit, shape, *bodies)
    answer = parsed(shape, result.body)
    assert "expand" not in str(answer) and answer["id"] == bodies[0]["id"]
