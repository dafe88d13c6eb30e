"""What may be tried again, and where: pure decisions about failures (wire-and-faults: "Retry, fallback, breaker")."""

import email.utils
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from tailrace.errors import TailraceError
from tailrace.wire.endpoints import EndpointKind


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


Leaves = Literal["nothing", "copies", "changes"]
"""What a repeated request may leave behind at the provider: nothing, a stored copy of an answer (the Responses API
stores by default), or a change that others see."""

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
    healthy: bool | None = False
    """Whether the target is well all the same (it answered properly, as a 429 is); None where it was not even asked."""


# "Never: ... insufficient_quota and spend limits": they do not pass within a retry's time.
SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "budget_exceeded", "credit_balance_too_low"})
CONTENT = frozenset({"content_policy_violation", "content_filter", "invalid_prompt"})


def is_permanent(failure: AttemptFailed) -> bool:
    """Whether the client need not try again by itself: nothing that passes with time is in the way."""
    return failure.answer.permanent or failure.code in SPENT or failure.code in CONTENT


_BUSY = frozenset({429, 502, 503, 529})
_BROKEN = frozenset({408, 500, 504})


def again(failure: AttemptFailed, *, leaves: Leaves, retry_after_max_s: float) -> Again:
    """Decide how a failed attempt may go on; `leaves` is what a repetition could leave at the provider twice."""
    if failure.kind == "connect":
        return Again.ALWAYS
    if leaves == "changes" or failure.kind == "refused" or failure.code in SPENT or failure.code in CONTENT:
        return Again.NEVER
    if failure.kind == "disconnect":
        # A copy stored there that nobody asks for again does no harm, but it need not be made on purpose.
        return Again.ELSEWHERE if leaves == "copies" else Again.BUDGET
    if failure.kind in ("timeout", "bad-answer"):
        return Again.ELSEWHERE
    if failure.status in _BUSY:
        wait = failure.retry_after_s
        return Again.ELSEWHERE if wait is not None and wait > retry_after_max_s else Again.BUDGET
    return Again.ELSEWHERE if failure.status in _BROKEN else Again.NEVER


_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def leaves(method: str, kind: EndpointKind, payload: Mapping[str, Any], headers: Mapping[str, str]) -> Leaves:
    """What repeating the request could leave twice at the provider; nothing where it carries an Idempotency-Key."""
    if "idempotency-key" in headers or method in _READING:
        return "nothing"
    if kind is EndpointKind.PASSTHROUGH:
        return "changes"
    if (
        payload.get("previous_response_id")
        or payload.get("conversation")
        or payload.get("background") is True
        or payload.get("store") is True
    ):
        return "changes"
    return "copies" if kind is EndpointKind.RESPONSES and payload.get("store") is not False else "nothing"


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
    try:
        return max(0.0, email.utils.parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - wall_s)
    except (ValueError, OverflowError, TypeError):
        return None


def backoff_s(attempt: int, asked_s: float | None, noise: float) -> float:
    """Seconds to wait before the next attempt: what the provider asked, else 0.1 s doubling to 2 s, of which half is
    chance (`noise` in 0..1) so that a fleet does not come back at once.
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

    def take(self) -> bool:
        """Take a place for one more retry, from its decision to its end; False if there is none."""
        if self.retrying >= max(self._least, math.floor(self.active * self._share)):
            return False
        self.retrying += 1
        return True

    def give_back(self) -> None:
        """The retry has ended."""
        self.retrying -= 1
