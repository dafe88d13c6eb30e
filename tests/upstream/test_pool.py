"""Where a provider is, and what its failures are called."""

import socket

import pytest
from multidict import CIMultiDict

from tailrace.config.models import Provider
from tailrace.upstream.dialects.raw import Outgoing
from tailrace.upstream.http1 import Origin
from tailrace.upstream.policy import AttemptFailed
from tailrace.upstream.pool import Pool, origin_of

PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def _no_forward_proxy(monkeypatch):
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h.test", Origin("http", "h.test", 80)),
        ("https://h.test/v1", Origin("https", "h.test", 443)),
        ("https://H.test:8443/v1", Origin("https", "h.test", 8443)),
        ("http://[::1]:11434/v1", Origin("http", "::1", 11434)),
    ],
)
def test_origin_of(url, expected):
    assert origin_of(url) == expected


@pytest.mark.parametrize(
    ("url", "variables", "proxy"),
    [
        ("https://h.test", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://h.test", {"https_proxy": "http://u:w@p"}, "http://u:w@p"),
        ("https://h.test", {"HTTP_PROXY": "http://p:3128"}, None),
        ("http://h.test", {"HTTP_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://h.test", {"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "h.test"}, None),
        ("https://a.h.test", {"HTTPS_PROXY": "http://p:3128", "NO_PROXY": ".h.test,other"}, None),
        ("https://h.test", {"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "other"}, "http://p:3128"),
        ("https://h.test", {"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "*"}, None),
        *(
            (f"http://{h}:1", {"HTTP_PROXY": "http://p:3128"}, None)
            for h in ("localhost", "127.0.0.1", "127.1.2.3", "[::1]")
        ),
    ],
)
def test_forward_proxies_come_from_the_environment(monkeypatch, url, variables, proxy):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert origin_of(url).proxy == proxy


async def test_a_proxy_without_a_scheme(monkeypatch, peer):
    from tailrace.upstream.http1.dial import CannotConnect, dial

    async def refuse(link):
        await link.head()
        await link.send(b"HTTP/1.1 502 No\r\n\r\n")

    forward = await peer(refuse)
    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{forward.port}")
    with pytest.raises(CannotConnect):
        await dial(origin_of("https://h.test"), lambda: None, 1.0)
    assert forward.accepted == 1


async def kind_of(base_url, connect_s=5.0, **settings):
    pool = Pool("acme", Provider(base_url=base_url, **settings))
    try:
        with pytest.raises(AttemptFailed) as caught:
            await pool.send(Outgoing("POST", "/v1/x", CIMultiDict()), b"{}", connect_s)
    finally:
        await pool.aclose()
    failure = caught.value
    assert "'acme'" in failure.answer.message and failure.answer.error_type == failure.error_type
    return failure.kind, failure.error_type, failure.answer.status, failure.answer.code


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", ("disconnect", "disconnect", 502, "upstream_disconnect")),
        (b"HTTP/1.1 20", ("bad-answer", "cut", 502, "upstream_bad_answer")),
        (b"SMTP ready\r\n", ("bad-answer", "bad_http", 502, "upstream_bad_answer")),
    ],
)
async def test_failures_of_a_provider_that_is_there(peer, answer, expected):
    async def script(link):
        await link.request()
        await link.send(answer)

    provider = await peer(script)
    assert await kind_of(f"http://127.0.0.1:{provider.port}") == expected


async def test_failures_of_one_that_is_not(peer):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    assert await kind_of(f"http://127.0.0.1:{port}") == ("connect", "connect", 502, "upstream_connect")

    async def silent(link):
        await link.closed()

    provider = await peer(silent)
    found = await kind_of(f"https://127.0.0.1:{provider.port}", connect_s=0.05)
    assert found == ("connect", "connect_timeout", 502, "upstream_connect")
