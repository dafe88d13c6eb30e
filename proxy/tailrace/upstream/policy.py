"""What may be tried again, and where: pure decisions about failures (wire-and-faults: "Retry, fallback, breaker")."""

import email.utils
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from tailrace.errors import TailraceError


class Again(Enum):
    """How a failed attempt may go on."""

    ALWAYS = "always"
    """The provider never saw the request: repeat anywhere."""
    BUDGET = "budget"
    """Repeat on the same target at most once more within the retry budget, and on others."""
    ELSEWHERE = "elsewhere"
    """Not here again: it may have been worked on, or is known to be slow; another target may answer."""
    NEVER = "never"
    """The request is at fault, or a repetition could do harm."""


Kind = Literal["connect", "disconnect", "status", "timeout", "bad-answer", "refused"]


@dataclass(eq=False)
class AttemptFailed(Exception):
    """One attempt did not bring an answer.

    `answer` is what the client gets if nothing else is tried. `retry_after_s` is how long the provider asked to wait.
    """

    kind: Kind
    answer: TailraceError
    status: int = 0
    code: str | None = None
    retry_after_s: float | None = None
    error_type: str = ""
    healthy: bool = False
    """Whether the target did nothing wrong, so that the failure does not count towards ejecting it."""


# "Never: ... insufficient_quota and spend limits": they do not pass within a retry's time.
_SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "budget_exceeded", "credit_balance_too_low"})
_CONTENT = frozenset({"content_policy_violation", "content_filter", "invalid_prompt"})
_BUSY = frozenset({429, 502, 503, 529})
_BROKEN = frozenset({408, 500, 504})


def again(failure: AttemptFailed, *, stateful: bool, retry_after_max_s: float) -> Again:
    """Decide how a failed attempt may go on.

    `stateful`: the request leaves something behind at the provider (`previous_response_id`, `conversation`,
    `background`, `store: true`) and carries no Idempotency-Key, so only what was certainly never seen is repeated.
    """
    if failure.kind == "connect":
        return Again.ALWAYS
    if stateful or failure.kind == "refused" or failure.code in _SPENT or failure.code in _CONTENT:
        return Again.NEVER
    if failure.kind == "disconnect":
        return Again.BUDGET
    if failure.kind in ("timeout", "bad-answer"):
        return Again.ELSEWHERE
    if failure.status in _BUSY:
        wait = failure.retry_after_s
        return Again.ELSEWHERE if wait is not None and wait > retry_after_max_s else Again.BUDGET
    return Again.ELSEWHERE if failure.status in _BROKEN else Again.NEVER


def is_stateful(payload: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """Whether repeating the request could leave something twice at the provider."""
    if "idempotency-key" in headers:
        return False
    return bool(
        payload.get("previous_response_id")
        or payload.get("conversation")
        or payload.get("background") is True
        or payload.get("store") is True
    )


def retry_after(headers: Mapping[str, str], wall_s: float) -> float | None:
    """Seconds a provider asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110)."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        try:
            value = float(text) * scale
        except ValueError:
            continue
        if math.isfinite(value) and value >= 0:
            return value
    date = email.utils.parsedate_to_datetime(headers["retry-after"]) if _is_date(headers.get("retry-after")) else None
    return max(0.0, date.timestamp() - wall_s) if date is not None else None


def _is_date(text: str | None) -> bool:
    if text is None:
        return False
    try:
        email.utils.parsedate_to_datetime(text)
    except ValueError:
        return False
    return True


def backoff_s(attempt: int, asked_s: float | None, noise: float) -> float:
    """Seconds to wait before the next attempt: what the provider asked, else 0.1 s doubling to 2 s, with full jitter
    (`noise` in 0..1) so that a fleet does not come back at once.
    """
    if asked_s is not None:
        return asked_s
    return float(min(2.0, 0.1 * 2**attempt)) * (0.5 + noise / 2)


class RetryBudget:
    """At most `share` of the requests in flight may be retries, and at least three: retries must not feed a fire."""

    def __init__(self, share: float, least: int = 3) -> None:
        self._share = share
        self._least = least
        self.active = 0
        self.retrying = 0

    def allows(self) -> bool:
        """Whether one more retry may be under way now."""
        return self.retrying < max(self._least, math.floor(self.active * self._share))
