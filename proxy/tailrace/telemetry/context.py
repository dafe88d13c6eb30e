"""W3C Trace Context: where a request stands in its trace, read from `traceparent` and `tracestate`. Pure."""

import re
from collections.abc import Mapping

from tailrace.trail import TraceIds

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_MOST_STATE_CHARS = 512
_FULL = 1 << 64


def read_context(headers: Mapping[str, str], trace_id: int, span_id: int, ratio: float) -> TraceIds:
    """The ids of this request's span: below the caller's if it sent a valid `traceparent`, else a trace of its own.

    The caller's sampling decision is followed; a trace that starts here is sampled by `ratio` of its random id
    (OpenTelemetry's TraceIdRatioBased: the lower 64 bits), so that all parts of a system decide alike.
    """
    given = headers.get("traceparent")
    if given is not None and (match := _PARENT.fullmatch(given.strip())):
        version, trace, parent, flags, rest = match.groups()
        parent_trace, parent_span = int(trace, 16), int(parent, 16)
        # Section 3.2.2: ff is invalid, version 00 has nothing behind the flags, all-zero ids are invalid.
        if version != "ff" and (version != "00" or rest is None) and parent_trace and parent_span:
            state = headers.get("tracestate", "")
            state = state if len(state) <= _MOST_STATE_CHARS else ""
            return TraceIds(parent_trace, span_id, parent_span, bool(int(flags, 16) & 1), state)
    sampled = ratio >= 1.0 or (trace_id & (_FULL - 1)) < int(ratio * _FULL)
    return TraceIds(trace_id, span_id, 0, sampled)
