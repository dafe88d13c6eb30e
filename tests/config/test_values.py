import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tailrace.config.values import HttpUrl, Port, Seconds, seconds

SECONDS, URL, PORT = TypeAdapter(Seconds), TypeAdapter(HttpUrl), TypeAdapter(Port)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", 0.5), ("30s", 30), ("5m", 300), ("1h", 3600), ("7d", 604_800), (" 1.5 s ", 1.5), ("2", 2), ("0.25", 0.25),
        (3, 3), (0.5, 0.5), ("365d", 31_536_000),
    ],
)  # fmt: skip
def test_durations(text, expected):
    assert SECONDS.validate_python(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "1 hour",
        "1h30m",
        "-1s",
        "1e3s",
        "nan",
        "inf",
        "1_000",
        0,
        -1,
        "0s",
        "366d",
        math.nan,
        math.inf,
        None,
        [],
    ],
)
def test_no_durations(text):
    with pytest.raises(ValidationError):
        SECONDS.validate_python(text)


@pytest.mark.parametrize("adapter", [SECONDS, PORT])
def test_true_is_no_number(adapter):
    with pytest.raises(ValidationError):
        adapter.validate_python(True)


@given(st.floats(0.001, 1e6), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_what_is_read_is_what_was_written(number, unit):
    scale = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    assert seconds(f"{number:.6f}{unit}") == pytest.approx(round(number, 6) * scale)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://h", "http://h"),
        ("https://h.test:8443/v1/", "https://h.test:8443/v1"),
        ("http://[::1]:80/a/b", "http://[::1]:80/a/b"),
        ("http://h/%20x", "http://h/%20x"),
    ],
)
def test_urls(text, expected):
    assert URL.validate_python(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "h", "ftp://h", "http://", "http:///v1", "//h", "http://u:p@h", "http://h?x=1", "http://h/v1#f", "http://h/a b", "HTTP://h",
     "http://h/\nx"],
)  # fmt: skip
def test_no_urls(text):
    with pytest.raises(ValidationError):
        URL.validate_python(text)


@pytest.mark.parametrize(
    ("value", "fits"), [(0, True), (65535, True), ("80", True), (-1, False), (65536, False), (1.5, False)]
)
def test_ports(value, fits):
    if fits:
        assert PORT.validate_python(value) == int(value)
    else:
        with pytest.raises(ValidationError):
            PORT.validate_python(value)
