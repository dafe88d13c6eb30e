"""Errors as the real providers word them."""

from __future__ import annotations

from typing import Any

from .script import Script, Shape, json_script

_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class Refusal(Exception):
    """A request the simulated provider will not answer; carries the fields of OpenAI's error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.type, self.param, self.code = status, message, type, param, code
        self.headers = headers


def error_body(refusal: Refusal, shape: Shape) -> dict[str, Any]:
    """Return the error object in the endpoint's shape."""
    if shape is Shape.ANTHROPIC:
        kind = _ANTHROPIC_TYPES.get(refusal.status, "api_error")
        return {
            "type": "error",
            "error": {"type": kind, "message": refusal.message},
            "request_id": "req_sim",
        }
    return {
        "error": {
            "message": refusal.message,
            "type": refusal.type,
            "param": refusal.param,
            "code": refusal.code,
        }
    }


def error_script(refusal: Refusal, shape: Shape) -> Script:
    """Return the refusal as a whole answer."""
    return json_script(error_body(refusal, shape), refusal.status, refusal.headers)
