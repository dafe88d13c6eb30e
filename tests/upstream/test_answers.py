"""What a provider's errors become: for the client, and for the retry loop."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tailrace.upstream.answers import ProviderSaid, error_answer, in_band_error

OPENAI = {"error": {"message": "No.", "type": "invalid_request_error", "param": "model", "code": "c1"}}
ANTHROPIC = {"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}, "request_id": "req_1"}


def told(status, body=b"", headers=None, *, our_key=False, anthropic=False):
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return error_answer(
        "acme", status, CIMultiDict(headers or {}), raw, our_key=our_key, anthropic=anthropic, wall_s=0.0
    )


def client_gets(failure, *, anthropic=False):
    return orjson.loads(failure.answer.body(anthropic=anthropic, request_id="req_9"))


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422, 429, 500, 502, 503])
@pytest.mark.parametrize("our_key", [True, False])
def test_an_error_object_passes_byte_for_byte(status, our_key):
    raw = b'{ "error" : {"message":"No.","code":"c1","x":[1.0]} }'
    failure = told(status, raw, our_key=our_key)
    assert failure.answer.body(anthropic=False, request_id="r") == raw
    assert (failure.answer.status, failure.status, failure.code, failure.kind) == (status, status, "c1", "status")
    assert failure.error_type == str(status)
    assert failure.healthy is (status < 500)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("anthropic", [True, False])
def test_a_refused_key_of_ours_is_no_business_of_the_client(status, anthropic):
    body = {"type": "error", "error": {"message": "Incorrect API key provided: sk-...7890", "code": "invalid_api_key"}}
    failure = told(status, body, {"retry-after": "1", "x-request-id": "q"}, our_key=True, anthropic=anthropic)
    assert failure.answer.status == 502
    shown = failure.answer.body(anthropic=anthropic, request_id="r")
    assert b"7890" not in shown and b"sk-" not in shown
    assert failure.answer.code == "upstream_auth" and failure.answer.permanent
    assert (failure.kind, failure.healthy) == ("refused", False)


@pytest.mark.parametrize("status", [401, 403])
def test_the_clients_own_key_is(status):
    failure = told(status, OPENAI)
    assert (failure.answer.status, client_gets(failure)) == (status, OPENAI)


def test_529_is_made_503_for_openais_clients():
    failure = told(529, ANTHROPIC)
    assert (failure.answer.status, failure.status) == (503, 529)
    assert failure.answer.headers["retry-after"] == "1"
    # Anthropic's object has what OpenAI's SDKs read.
    assert client_gets(failure) == ANTHROPIC
    assert dict(told(529, b"", {"Retry-After": "7"}).answer.headers) == {"Retry-After": "7"}
    garbled = CIMultiDict(told(529, b"", {"Retry-After": "soon"}).answer.headers)
    assert garbled.getall("retry-after") == ["1"]


def test_529_stays_for_anthropics():
    failure = told(529, ANTHROPIC, anthropic=True)
    assert (failure.answer.status, failure.status, client_gets(failure, anthropic=True)) == (529, 529, ANTHROPIC)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_redirects_are_refused(status):
    failure = told(status, b"", {"location": "http://evil.test/"})
    assert (failure.answer.status, failure.kind, failure.status) == (502, "refused", status)
    assert "location" not in failure.answer.headers
    assert b"evil" not in failure.answer.body(anthropic=False, request_id="r")


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b"<html><body>502 Bad Gateway nginx/1.2 10.0.0.7</body></html>", None, "upstream_error"),
        (b"", None, "upstream_error"),
        (b"\xff\xfe", None, "upstream_error"),
        (b"[]", None, "upstream_error"),
        (b'"oops"', None, "upstream_error"),
        (b"null", None, "upstream_error"),
        (b"{}", None, "upstream_error"),
        (b'{"error": NaN}', None, "upstream_error"),
        # vLLM's older form.
        (
            {"object": "error", "message": "too long", "type": "BadRequestError", "code": 400},
            "too long",
            "upstream_error",
        ),
        ({"object": "error", "message": "too long", "code": "ctx"}, "too long", "ctx"),
        # FastAPI's, with a sentence and with a list.
        ({"detail": "Not Found"}, "Not Found", "upstream_error"),
        ({"detail": [{"loc": ["body", "x"], "msg": "field required"}]}, None, "upstream_error"),
        # Ollama's.
        ({"error": "model 'x' not found"}, "model 'x' not found", "upstream_error"),
        ({"error": {"message": None}}, None, "upstream_error"),
        ({"error": {"code": "weird"}}, None, "weird"),
        ({"error": {"code": 404}}, None, "404"),
        ({"error": ""}, None, "upstream_error"),
        ({"detail": "x" * 5000}, "x" * 2000, "upstream_error"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, bytes | dict) else "",
)
@pytest.mark.parametrize(("status", "kind"), [(404, "invalid_request_error"), (503, "server_error")])
def test_what_is_no_error_object_is_made_one(body, message, code, status, kind):
    failure = told(status, body, {"content-type": "text/html"})
    expected = message or f"The provider 'acme' answered with status {status}."
    assert client_gets(failure) == {"error": {"message": expected, "type": kind, "param": None, "code": code}}
    assert failure.answer.status == status


def test_anthropics_clients_get_anthropics_shape():
    assert client_gets(told(500, ANTHROPIC, anthropic=True), anthropic=True) == ANTHROPIC
    made = client_gets(told(400, OPENAI, anthropic=True), anthropic=True)
    assert made == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "No."},
        "request_id": "req_9",
    }
    assert client_gets(told(503, b"<html>", anthropic=True), anthropic=True)["error"]["type"] == "overloaded_error"


def test_only_known_headers_pass_with_an_error():
    passed = {
        "Retry-After": "2", "retry-after-ms": "2000", "X-Should-Retry": "true", "x-request-id": "a", "request-id": "b",
        "x-ratelimit-reset-tokens": "6m0s", "anthropic-ratelimit-requests-limit": "5", "apim-request-id": "c",
        "content-type": "application/json",
    }  # fmt: skip
    dropped = {
        "set-cookie": "a=b",
        "server": "nginx",
        "x-internal-host": "db7",
        "location": "/",
        "content-encoding": "br",
    }
    assert told(429, OPENAI, passed | dropped).answer.headers == passed


@pytest.mark.parametrize(
    ("headers", "wait"), [({}, None), ({"retry-after": "3"}, 3.0), ({"retry-after-ms": "30"}, 0.03)]
)
def test_the_wait_is_for_the_retry_loop(headers, wait):
    assert told(429, OPENAI, headers).retry_after_s == wait


@given(st.integers(300, 999), st.binary(max_size=60), st.booleans(), st.booleans())
def test_whatever_comes_the_client_gets_an_object(status, body, our_key, anthropic):
    failure = told(status, body, our_key=our_key, anthropic=anthropic)
    shown = orjson.loads(failure.answer.body(anthropic=anthropic, request_id="r"))
    assert isinstance(shown["error"]["message"], str)
    assert (shown.get("type") == "error") is anthropic


# Errors that come as the first event of a stream.


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"error": {"message": "m", "type": "rate_limit_error"}}, 429),
        ({"error": {"message": "m", "code": "insufficient_quota"}}, 429),
        ({"error": {"message": "m", "code": "rate_limit_exceeded", "type": "server_error"}}, 429),
        ({"error": {"message": "m", "type": "overloaded_error"}}, 529),
        ({"error": {"message": "m", "type": "invalid_request_error"}}, 400),
        ({"error": {"message": "m", "type": "server_error"}}, 502),
        ({"error": {"message": "m", "type": "never heard of"}}, 502),
        ({"error": {"message": "m", "code": 503}}, 503),
        ({"error": {"message": "m", "code": "503"}}, 503),
        ({"error": {"message": "m", "status": 413, "code": 500}}, 413),
        ({"error": {"message": "m", "code": 200}}, 502),
        ({"error": {"message": "m", "code": True}}, 502),
        ({"error": {"message": "m", "code": -429}}, 502),
        ({"type": "error", "code": "rate_limit_exceeded", "message": "m", "sequence_number": 0}, 429),
        ({"type": "error", "error": {"type": "not_found_error", "message": "m"}}, 404),
    ],
)
def test_an_error_in_band_becomes_a_status(error, status):
    failure = in_band_error("acme", error, anthropic=False, our_key=False)
    assert failure.status == status
    assert failure.answer.status == (503 if status == 529 else status)
    shown = client_gets(failure)
    assert shown["error"]["message"] == "m"


def test_an_error_in_band_for_anthropics_clients():
    failure = in_band_error("acme", ANTHROPIC, anthropic=True, our_key=True)
    assert (failure.answer.status, client_gets(failure, anthropic=True)) == (529, ANTHROPIC)
    assert isinstance(failure.answer, ProviderSaid)


def test_our_key_refused_in_band():
    error = {"error": {"message": "Incorrect API key provided: sk-...7890", "code": "invalid_api_key"}}
    failure = in_band_error("acme", error, anthropic=False, our_key=True)
    assert (failure.answer.status, failure.kind) == (502, "refused")
    assert b"7890" not in failure.answer.body(anthropic=False, request_id="r")


@pytest.mark.parametrize("code", ["²", "4²9", "9" * 5000])
def test_digits_that_are_no_number(code):
    assert (
        in_band_error("acme", {"error": {"message": "m", "code": code}}, anthropic=False, our_key=False).status == 502
    )


def test_an_error_in_band_that_is_a_sentence():
    failure = in_band_error("acme", {"error": "out of memory"}, anthropic=False, our_key=False)
    assert client_gets(failure)["error"]["message"] == "out of memory"
