"""How a request is spelled: URL, credential, hop."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tailrace.config.models import Deadlines, Provider
from tailrace.errors import NotFound
from tailrace.testing import exchange
from tailrace.upstream.dialects.raw import outgoing
from tailrace.upstream.targets import Target
from tailrace.wire.endpoints import CHAT, MESSAGES, PASSTHROUGH


def made(base_url="http://h/v1", *, path="/v1/chat/completions", query="", model="m", headers=None, **more):
    """The outgoing request for a provider with these settings."""
    endpoint, credential, upload = (
        more.pop(k, d) for k, d in (("endpoint", CHAT), ("credential", None), ("upload", None))
    )
    provider = Provider(base_url=base_url, headers=more.pop("provider_headers", {}), **more)
    asked = exchange({"model": "asked"}, headers=CIMultiDict(headers or {}), endpoint=endpoint, credential=credential)
    asked = replace(asked, request=replace(asked.request, path=path, query=query), upload=upload)
    return outgoing(asked, Target("p", provider, model, Deadlines()), "our-hop")


@pytest.mark.parametrize(
    ("base_url", "path", "query", "expected"),
    [
        ("http://h", "/v1/chat/completions", "", "/chat/completions"),
        ("http://h/", "/v1/chat/completions", "", "/chat/completions"),
        ("http://h/v1", "/v1/chat/completions", "", "/v1/chat/completions"),
        ("http://h/v1/", "/v1/chat/completions", "a=b&a=c", "/v1/chat/completions?a=b&a=c"),
        ("http://h/openai/v1", "/v1/files/f%20x", "%ff", "/openai/v1/files/f%20x?%ff"),
        ("http://h/v1", "/v1/v1/x", "", "/v1/v1/x"),
        ("http://h/a%20b", "/v1/x", "?", "/a%20b/x??"),
    ],
)
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_the_path_is_appended_as_it_was_spelled(base_url, path, query, expected, dialect):
    sent = made(base_url, path=path, query=query, dialect=dialect)
    assert (sent.method, sent.target) == ("POST", expected)


@pytest.mark.parametrize(
    ("base_url", "query", "model", "expected"),
    [
        ("https://r.openai.azure.com", "", "gpt", "/openai/deployments/gpt/chat/completions?api-version=V"),
        ("https://r.openai.azure.com/openai", "", "gpt", "/openai/deployments/gpt/chat/completions?api-version=V"),
        ("https://gw/azure/", "a=b", "gpt", "/azure/openai/deployments/gpt/chat/completions?a=b&api-version=V"),
        ("https://r", "", "", "/openai/chat/completions?api-version=V"),
        ("https://r", "", "a/b", "/openai/deployments/a%2Fb/chat/completions?api-version=V"),
        ("https://r", "", "../../x", "/openai/deployments/..%2F..%2Fx/chat/completions?api-version=V"),
        ("https://r", "", "a?b#c", "/openai/deployments/a%3Fb%23c/chat/completions?api-version=V"),
        ("https://r", "", "%2e%2e", "/openai/deployments/%252e%252e/chat/completions?api-version=V"),
        ("https://r", "", "a b\r\nx: y", "/openai/deployments/a%20b%0D%0Ax%3A%20y/chat/completions?api-version=V"),
        ("https://r", "", "é", "/openai/deployments/%C3%A9/chat/completions?api-version=V"),
    ],
)
def test_azure_takes_the_model_from_the_path(base_url, query, model, expected):
    sent = made(base_url, query=query, model=model, dialect="azure", api_version="V")
    assert sent.target == expected


@given(st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable() or text.isascii()))
def test_no_model_name_leaves_its_segment(model):
    if model in (".", ".."):
        return  # The case below.
    target = made("https://r", model=model, dialect="azure", api_version="V").target
    path = target.partition("?")[0]
    assert path.count("/") == 5 and path.startswith("/openai/deployments/") and path.endswith("/chat/completions")
    assert target.isascii() and not set(target) & set(" \r\n#\\")


@pytest.mark.parametrize("model", [".", ".."])
def test_a_model_is_no_dot_segment(model):
    with pytest.raises(NotFound):
        made("https://r", model=model, dialect="azure", api_version="V")


def test_the_configured_api_version_is_the_only_one():
    sent = made("https://r", query="api-version=1999-01-01&x=y", dialect="azure", api_version="V")
    assert sent.target.partition("?")[2].count("api-version=") == 1
    assert sent.target.endswith("api-version=V")


# Credentials.

BEARER = {"authorization": "Bearer ours"}
THEIRS = {"Authorization": "Bearer theirs", "X-Api-Key": "theirs", "api-key": "theirs", "Cookie": "a=b"}


@pytest.mark.parametrize(
    ("dialect", "key", "expected"),
    [
        ("openai", "ours", BEARER),
        ("azure", "ours", {"api-key": "ours"}),
        ("anthropic", "ours", {"x-api-key": "ours"}),
        ("anthropic", "sk-ant-oat01-x", {"authorization": "Bearer sk-ant-oat01-x"}),
    ],
)
@pytest.mark.parametrize("ours", [True, False], ids=["ours", "theirs"])
def test_the_credential(dialect, key, expected, ours):
    more = {"api_key": key, "credential": "theirs"} if ours else {"credential": key}
    sent = made(dialect=dialect, api_version="V", headers=THEIRS, **more)
    found = {n.lower(): v for n, v in sent.headers.items() if n.lower() in ("authorization", "x-api-key", "api-key")}
    assert found == expected
    assert "cookie" not in sent.headers
    assert "theirs" not in str(sent)


@pytest.mark.parametrize(
    "named", ["authorization", "Authorization, x-api-key", "api-key, close", "keep-alive,AUTHORIZATION"]
)
@pytest.mark.parametrize(
    ("dialect", "name"), [("openai", "authorization"), ("anthropic", "x-api-key"), ("azure", "api-key")]
)
def test_a_client_cannot_strip_ours(dialect, name, named):
    sent = made(dialect=dialect, api_version="V", api_key="ours", headers={**THEIRS, "connection": named})
    assert sent.headers.getall(name) == ["Bearer ours" if name == "authorization" else "ours"]


def test_without_any_credential_none_is_made_up():
    sent = made(headers=THEIRS)
    assert not {"authorization", "x-api-key", "api-key"} & {name.lower() for name in sent.headers}


def test_the_providers_headers_win():
    theirs = [
        ("OpenAI-Organization", "theirs"),
        ("openai-organization", "again"),
        ("Authorization", "theirs"),
        ("x-a", "1"),
    ]
    configured = {"openai-organization": "ours", "Authorization": "Basic b3Vycw=="}
    sent = made(headers=theirs, provider_headers=configured)
    assert sent.headers.getall("openai-organization") == ["ours"]
    assert sent.headers.getall("authorization") == ["Basic b3Vycw=="]
    assert sent.headers["x-a"] == "1"
    assert made(provider_headers=configured, api_key="k").headers.getall("authorization") == ["Bearer k"]


# What else is set.


def test_a_json_request():
    sent = made(headers={"Accept-Encoding": "br", "Content-Encoding": "gzip", "Host": "evil", "X-A": "1"})
    assert {n.lower(): v for n, v in sent.headers.items()} == {
        "x-a": "1", "accept-encoding": "identity", "x-tailrace-hop": "our-hop",
    }  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), [({}, "identity"), ({"Accept-Encoding": "br, gzip"}, "br, gzip")])
def test_an_opaque_request_keeps_its_encodings(given, expected):
    async def upload():
        yield b""

    headers = {**given, "Content-Encoding": "gzip", "Content-Length": "7"}
    sent = made(headers=headers, endpoint=PASSTHROUGH, path="/v1/files", upload=upload())
    assert sent.headers.getall("accept-encoding") == [expected]
    assert (sent.headers["content-encoding"], sent.headers.getall("content-length")) == ("gzip", ["7"])
    assert "content-length" not in made(headers=headers, endpoint=PASSTHROUGH, path="/v1/files").headers


def test_anthropics_version():
    assert made(dialect="anthropic", endpoint=MESSAGES).headers["anthropic-version"] == "2023-06-01"
    sent = made(dialect="anthropic", endpoint=MESSAGES, headers={"Anthropic-Version": "2029-01-01"})
    assert sent.headers.getall("anthropic-version") == ["2029-01-01"]
    assert "anthropic-version" not in made().headers


@pytest.mark.parametrize(("past", "expected"), [({}, "our-hop"), ({"X-Tailrace-Hop": "a,b"}, "a,b,our-hop")])
def test_hops_are_counted(past, expected):
    sent = made(headers={**past, "x-tailrace-session": "s", "x-tailrace-skip": "p"})
    assert [(n, v) for n, v in sent.headers.items() if n.lower().startswith("x-tailrace")] == [
        ("x-tailrace-hop", expected)
    ]
