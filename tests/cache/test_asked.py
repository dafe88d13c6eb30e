import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tailrace.cache.asked import (
    QUESTION_CHARS,
    Control,
    is_deterministic,
    last_question,
    read_control,
    read_tags,
    request_key,
    text_of,
    wants_usage,
    why_stateful,
)
from tailrace.errors import BadRequest
from tailrace.wire.endpoints import EndpointKind

CHAT, RESPONSES, MESSAGES = EndpointKind.CHAT, EndpointKind.RESPONSES, EndpointKind.MESSAGES
COMPLETIONS, EMBEDDINGS = EndpointKind.COMPLETIONS, EndpointKind.EMBEDDINGS

TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
RICH = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "http://h/a.png"}}]},
        {"role": "assistant", "content": "A cat.", "name": "tom"},
        {"role": "user", "content": "Sure?"},
    ],
    "tools": [TOOL], "tool_choice": "auto", "parallel_tool_calls": True,
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    "temperature": 0, "top_p": 1, "n": 1, "seed": 7, "stop": ["\n"], "max_tokens": 100,
    "presence_penalty": 0, "frequency_penalty": 0, "logit_bias": {"50256": -100}, "logprobs": False,
    "user": "u", "metadata": {"a": "b"}, "service_tier": "auto", "reasoning_effort": "low", "store": False,
    "modalities": ["text"], "unknown_field": {"kept": [1, 2.5, None]},
}  # fmt: skip
HEADERS = {"anthropic-beta": "one", "user-agent": "x", "openai-organization": "org"}


def key(payload=RICH, *, tenant="t", kind=CHAT, route="sim/gpt-4o openai http://h", headers=HEADERS, **more):
    return request_key(tenant, kind, route, payload, headers, **more)


def changed(path, value=None):
    """RICH with the member at this path set, or removed where no value is given."""
    payload = copy.deepcopy(RICH)
    inner = payload
    for step in path[:-1]:
        inner = inner[step]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return payload


CHANGES = [
    (("model",), "gpt-4o-mini"),
    (("messages", 3, "content"), "Sure?  "),
    (("messages", 0, "content"), "Be brief"),
    (("messages", 0, "role"), "developer"),
    (("messages", 2, "name"), "tim"),
    (("messages", 2, "name"), None),
    (("messages",), [*RICH["messages"][:2], RICH["messages"][3], RICH["messages"][2]]),
    (("messages",), RICH["messages"][1:]),
    (("messages", 1, "content", 1, "image_url", "url"), "http://h/b.png"),
    (("messages", 1, "content", 1, "image_url", "detail"), "high"),
    (("tools",), None),
    (("tools",), [TOOL, TOOL]),
    (("tools", 0, "function", "description"), "other"),
    (("tools", 0, "function", "parameters"), {"type": "object", "properties": {}}),
    (("tool_choice",), "required"),
    (("parallel_tool_calls",), False),
    (("response_format",), {"type": "json_object"}),
    (("response_format", "json_schema", "schema", "type"), "array"),
    (("temperature",), 0.1),
    (("temperature",), None),
    (("temperature",), False),
    (("top_p",), 0.9),
    (("n",), 2),
    (("seed",), 8),
    (("seed",), "7"),
    (("stop",), "\n"),
    (("stop",), ["\n", "x"]),
    (("max_tokens",), 101),
    (("max_completion_tokens",), 100),
    (("presence_penalty",), 0.5),
    (("frequency_penalty",), 0.5),
    (("logit_bias", "50256"), -99),
    (("logprobs",), True),
    (("top_logprobs",), 3),
    (("user",), "v"),
    (("metadata", "a"), "c"),
    (("service_tier",), "flex"),
    (("reasoning_effort",), "high"),
    (("store",), None),
    (("modalities",), ["text", "audio"]),
    (("unknown_field", "kept", 2), 0),
    (("another_unknown",), 1),
    (("stream_options",), {"include_usage": True, "unknown": 1}),
    (("stream_options",), "odd"),
]


@pytest.mark.parametrize(("path", "value"), CHANGES, ids=lambda part: repr(part)[:50])
def test_one_field_more_or_other_is_another_request(path, value):
    assert key(changed(path, value)) != key()


def test_no_two_of_the_changes_are_one():
    keys = [key(changed(path, value)) for path, value in CHANGES]
    assert len({key(), *keys}) == len(keys) + 1 >= 26


@pytest.mark.parametrize(
    "around",
    [
        {"tenant": "u"},
        {"tenant": ""},
        {"kind": COMPLETIONS},
        {"route": "sim/gpt-4o openai http://other"},
        {"skip": frozenset({"limits"})},
        {"query": "api-version=1"},
        {"headers": {**HEADERS, "anthropic-beta": "two"}},
        {"headers": {**HEADERS, "x-goog-api-key": "alice"}},
        {"headers": {**HEADERS, "x-user": "bob"}},
        {"headers": {**HEADERS, "anthropic-beta": ""}},
        {"headers": {"user-agent": "x", "openai-organization": "org"}},
        {"headers": {**HEADERS, "openai-beta": "x"}},
        {"headers": {**HEADERS, "x-tailrace-tier": "expert"}},
        {"headers": {**HEADERS, "openai-organization": "other"}},
        {"headers": {**HEADERS, "openai-project": "p"}},
        {"headers": {**HEADERS, "anthropic-version": "2023-06-01"}},
    ],
)
def test_what_stands_around_the_payload_counts(around):
    assert key(**around) != key()


@pytest.mark.parametrize("name", ["anthropic-beta", "openai-beta"])
def test_each_line_of_a_repeated_header_counts(name):
    one, two = (CIMultiDict([(name, "a"), (name, last)]) for last in "bc")
    assert key(headers=one) != key(headers=two)


def test_parts_do_not_run_into_each_other():
    assert key(tenant="ab", route="c") != key(tenant="a", route="bc")
    assert key(skip=frozenset({"a", "b"})) != key(skip=frozenset({"ab"})) != key(skip=frozenset({"a,b"}))
    assert key(skip=frozenset({"a", "b"})) == key(skip=frozenset({"b", "a"}))


@pytest.mark.parametrize(
    "form",
    [
        {"stream": True},
        {"stream": False},
        {"stream": None},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"stream": True, "stream_options": {"include_usage": False, "include_obfuscation": True}},
        {"stream_options": {}},
        {"stream_options": None},
    ],
)
def test_the_form_of_the_answer_does_not_count(form):
    assert key({**RICH, **form}) == key()


def test_neither_do_other_headers_nor_spelling():
    assert key(headers={**HEADERS, "user-agent": "y", "x-request-id": "1", "authorization": "z"}) == key()
    assert key(dict(reversed(RICH.items()))) == key()


@pytest.mark.parametrize(
    "numbers", [{"temperature": 0.0}, {"temperature": -0.0}, {"top_p": 1.0, "n": 1e0, "seed": 7.0}]
)
def test_neither_does_the_spelling_of_numbers(numbers):
    assert key({**RICH, **numbers}) == key()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(sorted(RICH)) | st.text(max_size=4).filter(lambda name: not name.startswith("stream"))


@given(st.dictionaries(NAMES, JSON, max_size=5), NAMES, JSON)
def test_equal_payloads_only_have_equal_keys(payload, name, value):
    before = repr(payload)
    assert key(dict(reversed(payload.items()))) == key(payload)
    other = {**payload, name: value}
    is_same = name in payload and _same(payload[name], value)
    assert (key(other) == key(payload)) is is_same
    assert repr(payload) == before


def _same(a, b):
    """Equal as JSON: 1 is 1.0, but neither is true."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


@pytest.mark.parametrize(
    ("header", "control"),
    [
        (None, Control()),
        ("", Control()),
        ("no-store", Control(store=False, look=False)),
        ("No-Store, max-age=5", Control(store=False, look=False, max_age_s=5)),
        ("no-cache", Control(look=False)),
        ("max-age=60", Control(max_age_s=60)),
        (" Max-Age = 60 , no-transform", Control(max_age_s=60)),
        ("max-age=0", Control(look=False, max_age_s=0)),
        ("max-age", Control()),
        ("max-age=-1", Control()),
        ("max-age=1.5", Control()),
        ("max-age=1e9", Control()),
        ("max-age=²", Control()),
        ("max-age=" + "9" * 400, Control()),
        (",,;=", Control()),
        ("no-storefront, xno-cache", Control()),
    ],
)
def test_what_a_client_says_of_caching(header, control):
    assert read_control(header) == control
    assert read_control(header, no_store=True) == Control(store=False, look=False, max_age_s=control.max_age_s)


@given(st.text(max_size=40))
def test_any_header_is_read(header):
    assert isinstance(read_control(header), Control)


@pytest.mark.parametrize(
    ("kind", "payload", "why"),
    [
        (CHAT, {}, ""),
        (CHAT, {"store": False}, ""),
        (CHAT, {"store": None}, ""),
        (CHAT, {"store": True}, "stateful"),
        (RESPONSES, {}, "stateful"),
        (RESPONSES, {"store": None}, "stateful"),
        (RESPONSES, {"store": True}, "stateful"),
        (RESPONSES, {"store": False}, ""),
        (RESPONSES, {"store": False, "previous_response_id": "resp_1"}, "stateful"),
        (RESPONSES, {"store": False, "previous_response_id": None}, ""),
        (RESPONSES, {"store": False, "conversation": "conv_1"}, "stateful"),
        (RESPONSES, {"store": False, "conversation": {"id": "conv_1"}}, "stateful"),
        (RESPONSES, {"store": False, "background": True}, "stateful"),
        (MESSAGES, {"container": "c"}, "stateful"),
        (CHAT, {"web_search_options": {}}, "server-tools"),
        (RESPONSES, {"store": False, "tools": [{"type": "web_search_preview"}]}, "server-tools"),
        (RESPONSES, {"store": False, "tools": [{"type": "function", "name": "f"}]}, ""),
        (RESPONSES, {"store": False, "tools": [{"type": "custom", "name": "f"}]}, ""),
        (RESPONSES, {"store": False, "tools": [{"type": "function"}, {"type": "mcp"}]}, "server-tools"),
        (RESPONSES, {"store": False, "tools": [{"type": "code_interpreter"}]}, "server-tools"),
        (MESSAGES, {"tools": [{"name": "f", "input_schema": {}}]}, ""),
        (MESSAGES, {"tools": [{"type": "custom", "name": "f", "input_schema": {}}]}, ""),
        (MESSAGES, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "server-tools"),
        (CHAT, {"tools": [TOOL]}, ""),
        (CHAT, {"tools": ["odd", None]}, ""),
        (CHAT, {"tools": "odd"}, ""),
    ],
)
def test_why_the_same_question_may_have_another_answer(kind, payload, why):
    assert why_stateful(kind, payload) == why


@pytest.mark.parametrize(
    ("payload", "is_so"),
    [
        ({}, False),
        ({"temperature": 0}, True),
        ({"temperature": 0.0}, True),
        ({"temperature": -0.0}, True),
        ({"temperature": 0.0001}, False),
        ({"temperature": False}, False),
        ({"temperature": "0"}, False),
        ({"temperature": None}, False),
        ({"seed": 0}, True),
        ({"seed": 42, "temperature": 1}, True),
        ({"seed": None}, False),
        ({"seed": True}, False),
        ({"seed": "1"}, False),
        ({"top_p": 0}, False),
    ],
)
def test_who_asks_for_the_same_answer_every_time(payload, is_so):
    for kind in (CHAT, COMPLETIONS, RESPONSES, MESSAGES):
        assert is_deterministic(kind, payload) is is_so
    assert is_deterministic(EMBEDDINGS, payload)


@pytest.mark.parametrize(
    ("kind", "payload", "wants"),
    [
        (CHAT, {}, True),
        (CHAT, {"stream": False}, True),
        (CHAT, {"stream": True}, False),
        (CHAT, {"stream": True, "stream_options": {"include_usage": True}}, True),
        (CHAT, {"stream": True, "stream_options": {"include_usage": False}}, False),
        (CHAT, {"stream": True, "stream_options": {"include_usage": "yes"}}, False),
        (CHAT, {"stream": True, "stream_options": []}, False),
        (COMPLETIONS, {"stream": True}, False),
        (RESPONSES, {"stream": True}, True),
        (MESSAGES, {"stream": True}, True),
        (EMBEDDINGS, {}, True),
    ],
)
def test_who_is_told_the_usage(kind, payload, wants):
    assert wants_usage(kind, payload) is wants


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        (None, ()),
        ("", ()),
        (" , ,", ()),
        ("a", ("a",)),
        ("a, b ,a,,c d", ("a", "b", "c d")),
        (",".join(map(str, range(16))), tuple(map(str, range(16)))),
        (",".join(["x"] * 40), ("x",)),
        ("x" * 64, ("x" * 64,)),
    ],
)
def test_tags(header, tags):
    assert read_tags(header) == tags


@pytest.mark.parametrize("header", [",".join(map(str, range(17))), "a," + "x" * 65])
def test_tags_by_which_nothing_could_be_found_again_are_refused(header):
    with pytest.raises(BadRequest) as raised:
        read_tags(header)
    assert (raised.value.status, raised.value.code) == (400, "bad_cache_tags")


USER = {"role": "user", "content": "one"}


@pytest.mark.parametrize(
    ("payload", "question"),
    [
        ({"messages": [USER, {"role": "user", "content": "two"}, {"role": "assistant", "content": "x"}]}, "two"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}, {"text": "b"}]}]}, "a\nb"),
        ({"messages": [{"role": "system", "content": "s"}]}, ""),
        ({"messages": [USER, {"role": "user", "content": None}]}, ""),
        ({"messages": [None, 3, USER, 4]}, "one"),
        ({"messages": "odd"}, "odd"),
        ({"input": "text"}, "text"),
        ({"input": ["a", "b"]}, "b"),
        ({"input": [1, 2]}, ""),
        ({"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "q"}]}]}, "q"),
        ({"prompt": "p"}, "p"),
        ({"prompt": ["p", "q"]}, "q"),
        ({"prompt": [[1, 2]]}, ""),
        ({}, ""),
        ({"messages": {}, "input": 3}, ""),
        ({"prompt": "x" * 5000}, "x" * QUESTION_CHARS),
        ({"messages": [{"role": "user", "content": "x" * 5000}]}, "x" * QUESTION_CHARS),
    ],
)  # fmt: skip
def test_the_last_question(payload, question):
    assert last_question(payload) == question


def test_text_of():
    assert text_of("x") == "x" and text_of(None) == text_of({}) == text_of([]) == text_of([None, {"text": 3}]) == ""
