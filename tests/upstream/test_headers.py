"""What crosses the proxy and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tailrace.upstream.headers import HOP_BY_HOP, client_credential, for_client, for_provider

# RFC 9110, 7.6.1, and the two older ones that proxies still meet.
HOPS = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"}
HOPS |= {"transfer-encoding", "upgrade"}
CREDENTIALS = {"authorization", "x-api-key", "api-key", "cookie"}
ROUTING = {"host", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-original-url", "x-rewrite-url", "x-real-ip"}
TRACE = {"traceparent", "tracestate", "baggage"}
NEVER_UP = HOPS | CREDENTIALS | ROUTING | TRACE | {"expect", "content-length", "accept-encoding"}
NEVER_DOWN = HOPS | {"content-length", "set-cookie", "strict-transport-security", "alt-svc"}


def spelt(name):
    """The same name in any case."""
    return st.lists(st.booleans(), min_size=len(name), max_size=len(name)).map(
        lambda up: "".join(c.upper() if u else c for c, u in zip(name, up, strict=True))
    )


_TOKEN = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12)
_NAME = st.sampled_from(sorted(NEVER_UP | NEVER_DOWN)) | _TOKEN | _TOKEN.map(lambda t: f"x-tailrace-{t}")
_HEADERS = st.lists(st.tuples(_NAME.flatmap(spelt), st.text("abc, ", max_size=5)), max_size=12)
_NAMED = st.lists(_TOKEN | st.sampled_from(["keep-alive", "close", "", "content-type"]), max_size=4)
_SEPARATOR = st.sampled_from([",", ", ", " ,\t"])


@pytest.mark.parametrize(("pass_on", "never"), [(for_provider, NEVER_UP), (for_client, NEVER_DOWN)])
@given(headers=_HEADERS, named=_NAMED, separator=_SEPARATOR, upper=st.booleans())
def test_nothing_of_this_hop_passes(pass_on, never, headers, named, separator, upper):
    headers = CIMultiDict((name, value) for name, value in headers if name.lower() != "connection")
    for name in named:
        # `close` is an option, no header.
        if name not in ("", "close"):
            headers.add(name, "x")
    if named:
        text = separator.join(named)
        headers["Connection"] = text.upper() if upper else text
    passed = pass_on(headers)
    forbidden = never | {name.lower() for name in named}
    for name, value in passed.items():
        lower = name.lower()
        assert lower not in forbidden and not lower.startswith("x-tailrace-"), name
        assert value in headers.getall(name)
    # And nothing else is lost, repeated headers included.
    kept = [
        (n, v) for n, v in headers.items() if n.lower() not in forbidden and not n.lower().startswith("x-tailrace-")
    ]
    assert list(passed.items()) == kept


@pytest.mark.parametrize("pass_on", [for_provider, for_client])
@pytest.mark.parametrize("lines", [["close", "x-secret"], ["keep-alive", "a", "X-Secret"]])
def test_every_connection_line_counts(pass_on, lines):
    headers = CIMultiDict([*(("Connection", line) for line in lines), ("X-Secret", "1"), ("x-open", "2")])
    assert dict(pass_on(headers)) == {"x-open": "2"}


@pytest.mark.parametrize(
    ("pass_on", "name"),
    [*((for_provider, name) for name in sorted(NEVER_UP)), *((for_client, name) for name in sorted(NEVER_DOWN))],
)
def test_each_of_them_is_kept_back(pass_on, name):
    for spelling in (name, name.upper(), name.title()):
        assert dict(pass_on(CIMultiDict([(spelling, "x"), (spelling, "y"), ("x-a", "1")]))) == {"x-a": "1"}


@pytest.mark.parametrize(
    ("raw", "shown"), [(b"caf\xc3\xa9", "café"), (b"caf\xe9", "café"), (b"\xff\xfe", "ÿþ"), (b"plain", "plain")]
)
def test_values_a_client_can_be_written(raw, shown):
    passed = for_client(CIMultiDict({"x-a": raw.decode("utf-8", "surrogateescape")}))
    assert dict(passed) == {"x-a": shown}


def test_the_list_is_the_rfcs():
    assert HOP_BY_HOP == HOPS


def test_what_the_provider_should_see_passes():
    headers = CIMultiDict(
        [
            ("OpenAI-Organization", "o"), ("openai-project", "p"), ("OpenAI-Beta", "a"), ("OpenAI-Beta", "b"),
            ("anthropic-version", "2023-06-01"), ("anthropic-beta", "x"), ("Idempotency-Key", "k"),
            ("User-Agent", "ua"), ("Content-Type", "application/json"), ("X-Stainless-Lang", "python"), ("Via", "1.1 x"),
        ]
    )  # fmt: skip
    assert for_provider(headers) == headers


def test_what_the_client_should_see_passes():
    headers = CIMultiDict(
        [
            ("x-ratelimit-remaining-requests", "1"), ("Retry-After", "2"), ("X-Request-Id", "r"), ("Warning", "a"),
            ("Warning", "b"), ("openai-processing-ms", "3"), ("Content-Type", "text/plain"), ("content-encoding", "br"),
        ]
    )  # fmt: skip
    assert for_client(headers) == headers
    assert "content-encoding" not in for_client(headers, decoded=True)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"authorization": "Bearer sk-1"}, "sk-1"),
        ({"authorization": "bearer   sk-1 "}, "sk-1"),
        ({"authorization": "Bearer"}, None),
        ({"authorization": "Bearer  "}, None),
        ({"authorization": "Basic dTpw"}, None),
        ({"authorization": "Basic dTpw", "x-api-key": "k"}, None),
        ({"authorization": "", "x-api-key": "k"}, None),
        ({"x-api-key": "k"}, "k"),
        ({"X-Api-Key": "", "API-KEY": "a"}, "a"),
        ({"api-key": "a"}, "a"),
    ],
)
def test_client_credential(headers, expected):
    assert client_credential(CIMultiDict(headers)) == expected
