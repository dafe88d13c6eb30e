import orjson
import pytest
from multidict import CIMultiDict

from tailrace.errors import BadRequest, Overloaded, TailraceError
from tailrace.http.respond import error_response, reply_headers
from tailrace.trail import PluginScope, TraceIds, Trail


@pytest.fixture
def trail():
    made = Trail("req_1", TraceIds(0xA, 0xB, 0, True), 0.0, 0)
    made.scopes.append(PluginScope("defaults", 0.0, action="acted", label="capped"))
    return made


def test_every_error_is_an_object_with_an_id(trail):
    response = error_response(BadRequest("No."), anthropic=False, request_id="req_1", trail=trail)
    assert orjson.loads(response.body)["error"]["message"] == "No."
    assert {name.lower() for name in response.headers} == {
        "content-type", "x-should-retry", "cache-control", "vary", "x-tailrace-request-id",
        "x-request-id", "traceparent", "x-tailrace-chain",
    }  # fmt: skip
    assert (response.headers["cache-control"], response.headers["vary"]) == ("private, no-store", "Authorization")
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"] == response.headers["x-tailrace-request-id"] == "req_1"
    assert response.headers["x-tailrace-chain"] == "defaults=capped"
    assert response.headers["traceparent"] == f"00-{0xA:032x}-{0xB:016x}-01"


def test_in_anthropics_shape():
    response = error_response(Overloaded("Busy."), anthropic=True, request_id="req_1")
    assert orjson.loads(response.body) == {
        "type": "error", "error": {"type": "overloaded_error", "message": "Busy."}, "request_id": "req_1",
    }  # fmt: skip
    assert "traceparent" not in response.headers


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BadRequest("x"), ["false"]),
        (Overloaded("x"), []),
        (BadRequest("x", headers={"X-Should-Retry": "true"}), ["true"]),
        (TailraceError("x", permanent=True), ["false"]),
    ],
)
def test_whether_to_try_again(error, told):
    response = error_response(error, anthropic=False, request_id="r")
    assert response.headers.getall("x-should-retry", []) == told


def test_the_providers_request_id_is_kept_and_its_content_type_is_not():
    error = TailraceError("x", headers={"X-Request-Id": "theirs", "Content-Type": "text/html", "Retry-After": "3"})
    headers = error_response(error, anthropic=False, request_id="ours").headers
    assert headers.getall("x-request-id") == ["theirs"] and headers["x-tailrace-request-id"] == "ours"
    assert headers.getall("content-type") == ["application/json"] and headers["retry-after"] == "3"


@pytest.mark.parametrize("given", [CIMultiDict, dict])
def test_reply_headers(trail, given):
    theirs = given({"X-Request-Id": "theirs", "Cache-Control": "public, max-age=99", "Vary": "Accept", "x-a": "1"})
    headers = reply_headers(theirs, trail, events=False)
    assert (headers["cache-control"], headers["vary"]) == ("private, no-store", "Authorization")
    assert headers.getall("x-request-id") == ["theirs"] and headers["x-a"] == "1"
    assert dict(theirs)["Cache-Control"] == "public, max-age=99", "the reply's own headers were changed"
    events = reply_headers(theirs, trail, events=True)
    assert events["x-accel-buffering"] == "no"
    assert {"no-cache", "no-store", "private"} <= {part.strip() for part in events["cache-control"].split(",")}
