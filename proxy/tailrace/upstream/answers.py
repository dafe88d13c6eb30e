"""What a provider's status and body mean to the client. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from multidict import CIMultiDict

from tailrace.errors import TailraceError, UpstreamError
from tailrace.upstream.headers import writable
from tailrace.upstream.policy import AttemptFailed, retry_after
from tailrace.wire import jsonio

_PASSED_WITH_ERRORS = frozenset(
    {
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
        "x-request-id",
        "request-id",
        "anthropic-request-id",
        "apim-request-id",
    }
)
_MOST_MESSAGE_CHARS = 2000
_STATUS = re.compile(r"[45][0-9]{2}")


class ProviderSaid(TailraceError):
    """A provider's own error object, passed on byte for byte with its status."""

    def __init__(self, status: int, raw: bytes, headers: Mapping[str, str], code: str | None, message: str) -> None:
        super().__init__(message, status=status, code=code, headers=headers)
        self.raw = raw

    def body(self, *, anthropic: bool, request_id: str) -> bytes:
        """The provider's own bytes."""
        return self.raw

    def as_object(self, *, anthropic: bool, request_id: str) -> dict[str, Any]:
        """The provider's own object."""
        told: dict[str, Any] = jsonio.loads(self.raw)
        return told


def error_answer(
    provider: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    our_key: bool,
    anthropic: bool,
    wall_s: float,
) -> AttemptFailed:
    """Turn a provider's non-2xx answer into what the client gets and what the retry loop needs to know.

    The status is kept, and the body too if it is an error object. Exceptions: 401 and 403 for a key of ours become 502
    without the provider's words (they show the key's tail); 529, which OpenAI's clients do not know, becomes 503;
    redirects are not followed and become 502.
    """
    code, message, is_object = _read_error(body, anthropic=anthropic)
    kept = CIMultiDict((n, writable(v)) for n, v in headers.items() if _is_passed(n.lower()))
    wait = retry_after(headers, wall_s)
    answer: TailraceError
    if 300 <= status < 400:
        answer = UpstreamError(
            f"The provider {provider!r} answered with a redirect ({status}), which is never followed."
        )
        return AttemptFailed("refused", answer, status, code, error_type=str(status))
    if status in (401, 403) and our_key:
        text = f"The provider {provider!r} refused the proxy's own credentials ({status}). Ask the operator."
        answer = UpstreamError(text, code="upstream_auth", permanent=True)
        return AttemptFailed("refused", answer, status, code, error_type=str(status))
    shown = 503 if status == 529 and not anthropic else status
    if shown == 503 and status == 529 and wait is None:
        kept["retry-after"] = "1"
    if is_object:
        answer = ProviderSaid(shown, body, kept, code, message)
    else:
        text = message or f"The provider {provider!r} answered with status {status}."
        kind = "server_error" if status >= 500 else "invalid_request_error"
        answer = TailraceError(text, status=shown, kind=kind, code=code or "upstream_error", headers=kept)
    # Rate limits and the client's own mistakes say nothing about the target's health.
    return AttemptFailed("status", answer, status, code, wait, str(status), healthy=status < 500)


def in_band_error(provider: str, told: Mapping[str, Any], *, anthropic: bool, our_key: bool) -> AttemptFailed:
    """An error that came as the first event of a 200 stream: it becomes a status again."""
    inner = told.get("error")
    if isinstance(inner, str):
        inner = {"message": inner[:_MOST_MESSAGE_CHARS], "type": "upstream_error", "param": None, "code": None}
        told = {"error": inner}
    elif not isinstance(inner, Mapping):
        inner = told
        told = {"error": dict(told)}
    status = _status_of(inner)
    body = jsonio.dumps(told)
    return error_answer(provider, status, {}, body, our_key=our_key, anthropic=anthropic, wall_s=0.0)


# What the error types of both dialects would have been as a status; unknown ones are the provider's fault.
_STATUS_BY_KIND = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "overloaded_error": 529,
    "server_error": 502,
    "api_error": 502,
}


def _status_of(error: Mapping[str, Any]) -> int:
    code = error.get("code")
    for candidate in (error.get("status"), code):
        if isinstance(candidate, int) and 400 <= candidate < 600:
            return candidate
        if isinstance(candidate, str) and _STATUS.fullmatch(candidate):
            return int(candidate)
    for candidate in (code, error.get("type")):
        if isinstance(candidate, str) and candidate in _STATUS_BY_KIND:
            return _STATUS_BY_KIND[candidate]
    return 502


def _is_passed(name: str) -> bool:
    return (
        name in _PASSED_WITH_ERRORS
        or name.startswith(("x-ratelimit-", "anthropic-ratelimit-"))
        or name == "content-type"
    )


def _read_error(body: bytes, *, anthropic: bool) -> tuple[str | None, str, bool]:
    """Code, message, and whether the body is an error object of the shape this endpoint's clients expect."""
    try:
        told = jsonio.loads(body)
    except jsonio.BadJson:
        return None, "", False
    if not isinstance(told, dict):
        return None, "", False
    error = told.get("error")
    if isinstance(error, dict):
        code = error.get("code") or error.get("type")
        message = error.get("message")
        fits = told.get("type") == "error" if anthropic else isinstance(message, str)
        return str(code) if isinstance(code, str | int) else None, message if isinstance(message, str) else "", fits
    # vLLM's older form, FastAPI's, Ollama's: an error all the same, but not one the SDKs read.
    for text in (error, told.get("message"), told.get("detail")):
        if isinstance(text, str) and text:
            code = told.get("code")
            return code if isinstance(code, str) else None, text[:_MOST_MESSAGE_CHARS], False
    return None, "", False
