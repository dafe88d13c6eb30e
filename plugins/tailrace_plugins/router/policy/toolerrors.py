"""Whether the result of a tool is an error, told from its text where the client did not mark it.

Only the beginning and the end are looked at, and most patterns stand at the start of a line: source code, search
results and logs are full of the word "error" without being one.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from tailrace.wire import jsonio

_HEAD: Final = 400
_TAIL: Final = 400
_JSON_CHARS: Final = 16_384
_LINE: Final = 300

# What clients and shells put before the message itself.
_LEAD = r"(?:<(?:tool_use_)?error>|\[?(?:stderr|output|result)\]?:?)?\s{0,8}"
_STATUS = (
    "bad request|unauthorized|payment required|forbidden|not found|method not allowed|request timeout|conflict|gone|"
    "payload too large|unprocessable|too many requests|internal server error|not implemented|bad gateway|"
    "service unavailable|gateway timeout"
)
_FIRST: Final = re.compile(
    _LEAD
    # Error: …; Tool error: …
    + r"(?:(?:\w{1,40} )?(?:error|fatal|exception|panic|failure|failed)(?: \[?\w{1,20}\]?)?: ?\S"
    r"|error (?:executing|calling|running|invoking|while|during|occurred)\b"
    r"|(?:an )?(?:\w{1,20} )?error occurred"
    r"|[\w.]{0,80}(?:error|exception)(?:\(|: ?\S)"  # ValueError: …; java.lang.NullPointerException: …
    r"|traceback \(most recent call last\)"
    r"|uncaught \w{0,60}(?:error|exception)"
    r"|(?:http(?:/\d(?:\.\d)?)?|status(?: code)?|http status)[ :=]{1,3}[45]\d\d\b"
    r"|[45]\d\d (?:" + _STATUS + r")\b"
    r"|(?:the )?(?:request|command|tool|call|execution)(?: \S{1,60})? failed\b"
    r"|failed to \w"
    r"|<tool_use_error>"
    r"|permission denied\b|access denied\b|command timed out\b"
    r"|(?:unknown|invalid|no such) (?:tool|function|argument|command|option|parameter)s?\b)",
    re.IGNORECASE,
)
_ANY_LINE: Final = re.compile(
    r"^(?:"
    r"\[?(?:process |command |program |shell |script )?(?:exit(?:ed|s)?|finished|terminated|failed)"
    r"(?: with)?(?: exit)?(?: (?:code|status))[:=]? ?\(?(?:[1-9]\d{0,9}|-\d{1,10})\b"
    r"|(?:return ?code|exit ?code|exit_code|exit status)[:=]? ?(?:[1-9]\d{0,9}|-\d{1,10})\b"
    r"|.{0,120}\bfailed with (?:status(?: code)?|exit code|http) ?[1-9]\d{0,9}\b"
    r"|[\w./-]{1,80}: (?:.{0,200}: )?(?:command not found|no such file or directory|permission denied|not a directory)$"
    r"|[\w./-]{1,80}: command not found: \S"
    r"|.{0,120} is not recognized as an internal or external command"
    r")",
    re.IGNORECASE,
)
_LAST: Final = re.compile(r"[A-Za-z_][\w.]{0,80}(?:Error|Exception|Interrupt|Exit)(?:: .{0,300})?$")
_TRACEBACK: Final = "Traceback (most recent call last)"


def looks_like_error(text: str) -> bool:
    """Whether a tool's result says that the tool failed, rather than that it found the word.

    Looked at are the first and the last 400 characters: exceptions and error messages at the very beginning,
    tracebacks at the end, HTTP statuses 4xx and 5xx, exit codes other than 0, what shells say, and JSON objects with an
    error in them (up to 16,384 characters).
    """
    trimmed = text if len(text) <= 4 * _HEAD else text[: 2 * _HEAD] + "\n" + text[-2 * _TAIL :]
    trimmed = trimmed.strip()
    if not trimmed:
        return False
    if trimmed[0] == "{" and (found := _of_json(text)) is not None:
        return found
    head, tail = trimmed[:_HEAD], trimmed[-_TAIL:]
    first, last = head.split("\n", 1)[0][:_LINE], tail.rsplit("\n", 1)[-1][:_LINE].strip()
    if _FIRST.match(first) or _ANY_LINE.match(first) or _ANY_LINE.match(last):
        return True
    return _LAST.match(last) is not None and (_TRACEBACK in tail or _TRACEBACK in head or first == last)


def _of_json(text: str) -> bool | None:
    """What a JSON object says; None for what is none."""
    if len(text) > _JSON_CHARS:
        return None
    try:
        value = jsonio.loads(text)
    except jsonio.BadJson:
        return None
    return _says_error(value) if isinstance(value, Mapping) else None


def _says_error(value: Mapping[str, Any]) -> bool:
    for key in ("error", "errors", "exception", "error_message", "errorMessage"):
        # An empty text, list or object, false, null and 0 are how programs say that there was none.
        if value.get(key):
            return True
    if any(value.get(key) is True for key in ("is_error", "isError", "failed")):
        return True
    if any(value.get(key) is False for key in ("success", "ok", "succeeded")):
        return True
    if str(value.get("status", "")).lower() in ("error", "failed", "failure"):
        return True
    if any(_is_int(value.get(key), 400, 599) for key in ("status", "status_code", "statusCode", "code")):
        return True
    codes = (value.get(key) for key in ("exit_code", "exitCode", "returncode", "return_code", "exit_status"))
    return any(type(code) is int and code != 0 for code in codes)


def _is_int(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
