"""The table of faults, and how a model's name selects one.

`fault-NAME`, with a number where the fault takes one (`fault-slow-tokens-500`), fails always.
`fault-NAME-times-N-KEY` fails the first N requests that name exactly this model, on any endpoint and with any key,
and answers as normal from then on; `fault-NAME-once-KEY` is `times-1`. KEY is any text (or left out): tests choose a
fresh one, because counts last as long as the simulated provider.
"""

from __future__ import annotations

import difflib
import re
from collections import OrderedDict
from dataclasses import dataclass

from . import mangle as m
from . import quirks
from .errors import Refusal
from .script import End, Framing, Kind, Script

_COUNTERS = 10_000
_HTML = b"<!DOCTYPE html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>\n"
_HTML_TYPE = ("content-type", "text/html; charset=utf-8")
_JSON_TYPE = ("content-type", "application/json")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what it does in a sentence, how, the default of its number, whether it needs the right answer."""

    says: str
    act: m.Mangle
    number: int | None = None
    replaces: bool = False


def _limited(seconds: int) -> Refusal:
    headers = (("retry-after", str(seconds)), ("retry-after-ms", str(seconds * 1000)))
    text = f"Rate limit reached for requests in the simulation. Please try again in {seconds}s."
    return Refusal(429, text, type="requests", code="rate_limit_exceeded", headers=headers)


def _refused(status: int, type: str, code: str | None, message: str) -> Fault:
    text = f"Answers {status} in the endpoint's error shape (type {type}, code {code})."
    return Fault(text, m.refusing(Refusal(status, message, type=type, code=code)), replaces=True)


def _instead(says: str, act: m.Mangle, number: int | None = None) -> Fault:
    return Fault(says, act, number, replaces=True)


_TABLE: dict[str, Fault] = {
    "400": _refused(400, "invalid_request_error", None, "The request is invalid, says the simulation."),
    "401": _refused(401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-sim***1234."),
    "403": _refused(403, "permission_error", "forbidden", "You are not allowed to use this model."),
    "404": _refused(404, "invalid_request_error", "model_not_found", "The model does not exist."),
    "408": _refused(408, "timeout", "request_timeout", "The request timed out at the provider."),
    "409": _refused(409, "invalid_request_error", "conflict", "Another request is at work on the same thing."),
    "413": _refused(413, "invalid_request_error", "request_too_large", "The request is too large."),
    "422": _refused(422, "invalid_request_error", "unprocessable", "The request cannot be processed."),
    "429": _instead("Answers 429 rate_limit_exceeded with retry-after 1 and retry-after-ms.", m.refusing(_limited(1))),
    "500": _refused(500, "server_error", None, "The server had an error while processing your request."),
    "502": _refused(502, "server_error", "bad_gateway", "Bad gateway."),
    "503": _refused(503, "server_error", "service_unavailable", "The engine is currently overloaded."),
    "504": _refused(504, "server_error", "gateway_timeout", "The provider's own upstream timed out."),
    "529": _refused(529, "overloaded_error", "overloaded", "Overloaded."),
    "retry-after": _instead(
        "Answers 429 with a retry-after of N seconds.", lambda s, n: m.refusing(_limited(n))(s, n), 30
    ),
    "quota": _refused(429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    "content-policy": _refused(
        400, "invalid_request_error", "content_policy_violation", "The request was rejected by the safety system."
    ),
    "hang": _instead("Never answers.", m.silent(End.HANG)),
    "hang-after-headers": Fault("Sends the headers, then nothing for ever.", lambda s, _: m.stopping(End.HANG)(s, 0)),
    "hang-midstream": Fault("Sends N events (or half a body), then nothing for ever.", m.stopping(End.HANG), 4),
    "disconnect": _instead("Closes the connection before any byte of an answer.", m.silent(End.CLOSE)),
    "reset-before-headers": _instead("Resets the connection (RST) before any byte.", m.silent(End.RESET)),
    "slow-first-token": Fault("Waits N ms before the first byte.", m.delaying_first, 3000),
    "slow-tokens": Fault("Waits N ms for each token.", m.delaying_each, 500),
    "slow-body": Fault("Sends every event (or the body) in about twenty pieces, N ms before each.", m.trickling, 100),
    "cut-midstream": Fault("Closes a chunked body without its end after N events.", m.stopping(End.CLOSE), 4),
    "reset-midstream": Fault("Resets the connection (RST) after N events.", m.stopping(End.RESET), 4),
    "cut-midframe": Fault(
        "Closes a chunked body in the middle of an event, after N whole ones.", m.stopping(End.CLOSE, inside=True), 4
    ),
    "cut-close-delimited": Fault(
        "Sends a body without length or chunks and closes after N events, which looks like an end.",
        m.stopping(End.CLOSE, Framing.UNTIL_CLOSE),
        4,
    ),
    "clean-end-no-finish": Fault(
        "Ends the body cleanly without finish_reason, usage and [DONE].", m.without(Kind.FINISH, Kind.USAGE, Kind.DONE)
    ),
    "no-done": Fault("Sends everything but the last event ([DONE], message_stop).", m.without(Kind.DONE)),
    "double-done": Fault("Sends the last event twice.", m.after_done(b"")),
    "bytes-after-done": Fault(
        "Sends another event and bytes that are none after the last.",
        m.after_done(b'data: {"after":"done"}\n\n', b"junk after done"),
    ),
    "error-in-stream": Fault("Sends an error object as an event after N events, then ends.", m.failing_in_stream, 4),
    "error-first-event": Fault(
        "Answers 200 with an error object as the first event, then ends.", lambda s, _: m.failing_in_stream(s, 0)
    ),
    "comment-first": Fault("Sends N comments `: OPENROUTER PROCESSING` before the first event.", m.commenting, 20),
    "gzip": Fault("Encodes the body with gzip though nobody asked.", m.gzipping(0)),
    "gzip-cut": Fault("Encodes the body with gzip and ends it cleanly 12 bytes short.", m.gzipping(12)),
    "html-502": _instead("Answers 502 with an HTML page.", m.answering(502, _HTML, _HTML_TYPE)),
    "html-200": _instead("Answers 200 with an HTML page.", m.answering(200, _HTML, _HTML_TYPE)),
    "bad-json-200": _instead(
        "Answers 200 with half a JSON document, cleanly ended.", m.answering(200, b'{"id":"x","choices":[', _JSON_TYPE)
    ),
    "empty-200": _instead("Answers 200 with an empty body.", m.answering(200, b"", _JSON_TYPE)),
    "truncated-json": _instead(
        "Announces 400 bytes of JSON, sends 21 and closes.",
        m.answering(200, b'{"id":"x","choices":[', _JSON_TYPE, length=400),
    ),
    "redirect": _instead("Answers 302 to /v1/_echo.", m.answering(302, b"", ("location", "/v1/_echo"))),
    "close-after-each": Fault(
        "Answers rightly, then closes the idle connection it had not announced to close.",
        m.ending(End.CLEAN_THEN_CLOSE),
    ),
    "huge-event": Fault("Sends one event of N megabytes.", m.with_huge_event, 5),
    "many-events": Fault("Sends N events of text as fast as possible.", m.with_many_events, 10_000),
    "crlf": Fault("Ends the lines of a stream with CRLF.", m.with_line_ends(b"\r\n")),
    "cr": Fault("Ends the lines of a stream with a lone CR.", m.with_line_ends(b"\r")),
    "bom": Fault("Begins a stream with a byte order mark.", m.before(b"\xef\xbb\xbf")),
    "split-bytes": Fault("Sends every byte in a write of its own.", m.splitting),
    "empty-choices-first": Fault(
        "Begins a chat stream with Azure's chunk without choices.", quirks.empty_choices_first
    ),
    "bad-tool-deltas": Fault(
        "Streams tool calls without index, with split names and several in a chunk.", quirks.bad_tool_deltas
    ),
    "header-junk": Fault(
        "Adds hop-by-hop headers, a header named by Connection, and cookies.",
        m.with_headers(
            ("connection", "x-foo, keep-alive"),
            ("x-foo", "hop-by-hop"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("upgrade", "h2c"),
            ("set-cookie", "sim=1; Path=/"),
            ("set-cookie", "__cf_bm=2; HttpOnly"),
            ("x-tailrace-cache", "forged"),
        ),
    ),
}

FAULTS: dict[str, str] = {
    f"fault-{name}" + ("" if fault.number is None else f"-{fault.number}"): fault.says for name, fault in _TABLE.items()
}
"""Every fault by the model name that asks for it (with the default of its number), each in one sentence."""

_FORM = re.compile(r"fault-(?P<base>.+?)(?:-(?:times-(?P<times>\d+)|(?P<once>once))(?:-.*)?)?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The fault a model's name asks for, its number, and after how many requests it stops (None: never)."""

    fault: Fault
    number: int = 0
    times: int | None = None

    def spoil(self, script: Script) -> Script:
        """Return the answer as the fault leaves it."""
        return self.fault.act(script, self.number)


def chosen(model: str) -> Chosen | None:
    """Return the fault this model's name asks for, or None; an unknown fault is refused, never passed over."""
    found = _FORM.match(model)
    if found is None:
        return None
    base = found["base"]
    times = 1 if found["once"] else int(found["times"]) if found["times"] else None
    if (fault := _TABLE.get(base)) is not None:
        return Chosen(fault, fault.number or 0, times)
    name, _, number = base.rpartition("-")
    fault = _TABLE.get(name)
    if fault is not None and fault.number is not None and number.isdecimal():
        return Chosen(fault, int(number), times)
    near = difflib.get_close_matches(base, _TABLE, 1)
    hint = f" Did you mean fault-{near[0]}?" if near else " See `tailrace sim --faults`."
    raise Refusal(400, f"The simulated provider knows no fault '{model}'.{hint}", param="model", code="unknown_fault")


class Counters:
    """How often each `-times-N` model was asked for; bounded, the least recently used are forgotten."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, int] = OrderedDict()

    def due(self, model: str, times: int | None) -> bool:
        """Count this request, and return whether it is still one that fails."""
        if times is None:
            return True
        seen = self._seen.pop(model, 0) + 1
        self._seen[model] = seen
        if len(self._seen) > _COUNTERS:
            self._seen.popitem(last=False)
        return seen <= times
