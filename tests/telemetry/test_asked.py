import pytest

from tailrace.telemetry.asked import asked, input_modality, output_modality
from tailrace.wire.endpoints import CHAT, EMBEDDINGS, MESSAGES, RESPONSES

CASES = [
    (CHAT, {}, {"openai.api.type": "chat_completions"}),
    (CHAT, {"stream": False, "n": 1}, {"openai.api.type": "chat_completions"}),
    (CHAT, {"n": 3}, {"openai.api.type": "chat_completions", "gen_ai.request.choice.count": 3}),
    (MESSAGES, {"max_tokens": 5, "top_k": 4}, {"gen_ai.request.max_tokens": 5, "gen_ai.request.top_k": 4}),
    (MESSAGES, {"max_tokens": "5", "top_k": True, "temperature": "hot", "seed": 1 << 64}, {}),
    (MESSAGES, {"temperature": 1, "top_p": 0.5}, {"gen_ai.request.temperature": 1.0, "gen_ai.request.top_p": 0.5}),
    (MESSAGES, {"response_format": {"type": "json_schema"}}, {"gen_ai.output.type": "json"}),
    (MESSAGES, {"modalities": ["text", "audio"]}, {"gen_ai.output.type": "speech"}),
    (MESSAGES, {"reasoning_effort": "low"}, {"gen_ai.request.reasoning.level": "low"}),
    (MESSAGES, {"reasoning_effort": "tell me a story"}, {}),
    (MESSAGES, {"service_tier": "auto"}, {}),
    (MESSAGES, {"service_tier": "flex"}, {"openai.request.service_tier": "flex"}),
    (
        RESPONSES,
        {"reasoning": {"effort": "high"}, "max_output_tokens": 7, "previous_response_id": "resp_1", "text": {}},
        {
            "openai.api.type": "responses",
            "gen_ai.request.reasoning.level": "high",
            "gen_ai.request.max_tokens": 7,
            "gen_ai.request.previous_response.id": "resp_1",
        },
    ),
    (RESPONSES, {"text": {"format": {"type": "text"}}}, {"openai.api.type": "responses", "gen_ai.output.type": "text"}),
    (
        EMBEDDINGS,
        {"encoding_format": "base64", "dimensions": 256, "temperature": 1},
        {"gen_ai.request.encoding_formats": ["base64"], "gen_ai.embeddings.dimension.count": 256},
    ),
]


@pytest.mark.parametrize(("endpoint", "payload", "expected"), CASES)
def test_only_what_the_request_set(endpoint, payload, expected):
    assert asked(endpoint, payload, "openai") == expected


def test_never_its_content():
    payload = {"messages": [{"content": "x"}], "stop": ["x"], "tools": [1], "user": "u", "metadata": {"a": "b"}}
    assert asked(MESSAGES, payload, "openai") == {}


def test_the_tier_is_openai_s():
    assert asked(MESSAGES, {"service_tier": "flex"}, "groq") == {}


@pytest.mark.parametrize(
    ("payload", "modality"),
    [
        ({"messages": [{"content": "hi"}, {"content": None}, "odd"]}, "text"),
        ({"messages": [{"content": [{"type": "text"}, {"type": "tool_result"}]}]}, "text"),
        ({"messages": [{"content": [{"type": "text"}, {"type": "image_url"}]}]}, "unknown"),
        ({"input": [{"content": [{"type": "input_image"}]}]}, "unknown"),
        ({"input": ["a", "b"]}, "text"),
        ({"prompt": "a"}, "text"),
        ({}, "text"),
    ],
)
def test_input_modality(payload, modality):
    assert input_modality(payload) == modality


def test_output_modality():
    assert output_modality({}) == output_modality({"modalities": ["text"]}) == "text"
    assert output_modality({"modalities": ["text", "audio"]}) == "unknown"
