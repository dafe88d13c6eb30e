"""Errors that know their HTTP status and their body.

Everything a client can be told is a `TailraceError`. Messages never carry a prompt, a credential or a peer's bytes.
"""

from collections.abc import Mapping
from typing import Any

from multidict import CIMultiDict

from tailrace.wire import jsonio


class TailraceError(Exception):
    """A request that ends with an error of the proxy's own making.

    `kind` is OpenAI's `error.type`, `code` its `error.code`, `param` the field at fault. `permanent` errors are sent
    with `x-should-retry: false`, so that the SDKs do not repeat what cannot succeed.
    """

    status = 500
    kind = "api_error"
    code: str | None = "internal_error"
    permanent = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        kind: str | None = None,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        permanent: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.headers: CIMultiDict[str] = CIMultiDict(headers or {})
        if status is not None:
            self.status = status
        if kind is not None:
            self.kind = kind
        if code is not None:
            self.code = code
        if permanent is not None:
            self.permanent = permanent

    def body(self, *, anthropic: bool, request_id: str) -> bytes:
        """The JSON error object in the shape the endpoint's clients expect."""
        return jsonio.dumps(self.as_object(anthropic=anthropic, request_id=request_id))

    def as_object(self, *, anthropic: bool, request_id: str) -> dict[str, Any]:
        """The error object as a dict; see `body`."""
        if anthropic:
            kind = _ANTHROPIC_KINDS.get(self.status, "api_error")
            return {"type": "error", "error": {"type": kind, "message": self.message}, "request_id": request_id}
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


# https://docs.anthropic.com/en/api/errors
_ANTHROPIC_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
    503: "overloaded_error",
}


class BadRequest(TailraceError):
    """The client's request cannot be served as it stands."""

    status = 400
    kind = "invalid_request_error"
    code = "bad_request"
    permanent = True


class Unauthorized(TailraceError):
    """No credential, or one that nobody issued."""

    status = 401
    kind = "invalid_request_error"
    code = "invalid_api_key"
    permanent = True


class Forbidden(TailraceError):
    """The caller is known, but may not do this."""

    status = 403
    kind = "invalid_request_error"
    code = "forbidden"
    permanent = True


class NotFound(TailraceError):
    """No such path, or no such model."""

    status = 404
    kind = "invalid_request_error"
    code = "not_found"
    permanent = True


class TooLarge(TailraceError):
    """The body is over `server.max_body_bytes`."""

    status = 413
    kind = "invalid_request_error"
    code = "request_too_large"
    permanent = True


class RequestTimeout(TailraceError):
    """The client began to send a body and then sent nothing, or next to nothing."""

    status = 408
    kind = "invalid_request_error"
    code = "request_timeout"


class Overloaded(TailraceError):
    """The proxy itself has no room, or is shutting down."""

    status = 503
    kind = "server_error"
    code = "overloaded"


class UpstreamError(TailraceError):
    """The provider could not be reached, or answered something that is no answer.

    `error_type` is the low-cardinality name for spans and metrics (`timeout`, `connect`, `cut`, a status …).
    """

    status = 502
    kind = "upstream_error"
    code = "upstream_error"
    error_type = "upstream_error"

    def __init__(self, message: str, *, error_type: str | None = None, **more: Any) -> None:
        super().__init__(message, **more)
        if error_type is not None:
            self.error_type = error_type


class UpstreamTimeout(UpstreamError):
    """The provider did not answer, or stopped answering, within its deadline."""

    status = 504
    code = "upstream_timeout"
    error_type = "timeout"


class StreamCut(UpstreamError):
    """The provider's stream ended before its answer did; the client is told in-band."""

    code = "upstream_cut"
    error_type = "cut"


class ClientLeft(Exception):
    """The client closed its connection, or stopped reading for `server.write_stall_s`."""
