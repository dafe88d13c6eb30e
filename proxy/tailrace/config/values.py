"""Value types of the configuration: durations, URLs, names."""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


def seconds(value: Any) -> Any:
    """`1h`, `30s`, `500ms` or a plain number of seconds; anything else is left for pydantic to refuse."""
    _no_truth(value)
    if isinstance(value, str):
        if match := _DURATION.fullmatch(value.strip()):
            return float(match[1]) * _UNITS[match[2]]
        if not re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
            raise ValueError("write a duration as a number of seconds or like 500ms, 30s, 5m, 1h, 7d")
    return value


def _http_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
        raise ValueError("write a URL like https://host/v1 (http or https, no credentials, query or fragment)")
    try:
        parts = urlsplit(value)
        fits = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError("its host or port cannot be read")
    return value.rstrip("/")


def _no_truth(value: Any) -> Any:
    """YAML's `true` would pass for 1."""
    if isinstance(value, bool):
        raise ValueError("is a number, not true or false")
    return value


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text:
        raise ValueError("is empty")
    if not text.isprintable():
        raise ValueError("has a line end or another control character in it")
    return value


Count = Annotated[int, BeforeValidator(_no_truth)]
"""A whole number."""

Share = Annotated[float, BeforeValidator(_no_truth)]
"""A number with a fraction."""

Secret = Annotated[SecretStr, AfterValidator(_secret)]
"""A secret that can stand in a header: not empty, printable. Shown as stars wherever it is shown."""

_YEAR_S = 86400 * 365

Seconds = Annotated[
    float,
    BeforeValidator(seconds),
    Field(gt=0, le=_YEAR_S),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": _YEAR_S},
                {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)?\s*$"},
            ]
        }
    ),
]
"""A positive duration in seconds."""

HttpUrl = Annotated[str, AfterValidator(_http_url)]
"""An http(s) URL without credentials, query or fragment; kept as it is written, less a trailing slash."""

Port = Annotated[int, BeforeValidator(_no_truth), Field(ge=0, le=65535)]
"""A TCP port; 0 picks a free one."""
