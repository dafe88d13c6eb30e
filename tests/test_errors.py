import orjson
import pytest

from tailrace import errors
from tailrace.errors import StreamCut, TailraceError, UpstreamError

KINDS = {
    errors.TailraceError: (500, "api_error", "internal_error", False),
    errors.BadRequest: (400, "invalid_request_error", "bad_request", True),
    errors.Unauthorized: (401, "invalid_request_error", "invalid_api_key", True),
    errors.NotFound: (404, "invalid_request_error", "not_found", True),
    errors.TooLarge: (413, "invalid_request_error", "request_too_large", True),
    errors.RequestTimeout: (408, "invalid_request_error", "request_timeout", False),
    errors.Overloaded: (503, "server_error", "overloaded", False),
    errors.UpstreamError: (502, "upstream_error", "upstream_error", False),
    errors.UpstreamTimeout: (504, "upstream_error", "upstream_timeout", False),
    errors.StreamCut: (502, "upstream_error", "upstream_cut", False),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_knows_its_status_and_body(kind):
    error = kind("It failed.")
    assert (error.status, error.kind, error.code, error.permanent) == KINDS[kind]
    assert orjson.loads(error.body(anthropic=False, request_id="r")) == {
        "error": {"message": "It failed.", "type": error.kind, "param": None, "code": error.code}
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"), (401, "authentication_error"), (403, "permission_error"), (404, "not_found_error"),
        (413, "request_too_large"), (429, "rate_limit_error"), (500, "api_error"), (502, "api_error"), (504, "api_error"),
        (503, "overloaded_error"), (529, "overloaded_error"),
    ],
)  # fmt: skip
def test_in_anthropics_shape(status, kind):
    error = TailraceError("It failed.", status=status)
    assert orjson.loads(error.body(anthropic=True, request_id="req_1")) == {
        "type": "error", "error": {"type": kind, "message": "It failed."}, "request_id": "req_1",
    }  # fmt: skip


def test_what_is_given_wins():
    headers = {"retry-after": "1"}
    error = TailraceError("x", status=418, kind="k", code="c", param="p", headers=headers, permanent=True)
    assert error.as_object(anthropic=False, request_id="") == {
        "error": {"message": "x", "type": "k", "param": "p", "code": "c"}
    }
    error.headers["x-a"] = "1"
    assert headers == {"retry-after": "1"}, "the caller's headers were changed in place"
    assert (TailraceError.status, TailraceError("y").status) == (500, 500)


def test_error_types_are_for_metrics():
    assert UpstreamError("x", error_type="tls").error_type == "tls"
    assert (UpstreamError("x").error_type, StreamCut("x").error_type) == ("upstream_error", "cut")
