import pytest

TOKEN = "authorization: Bearer t0ken"


async def test_health_needs_no_token(admin):
    ask = await admin(token="t0ken")
    assert await ask("/livez") == await ask("/readyz") == (200, b"ok\n")
    draining = await admin(token="t0ken", draining=True)
    assert (await draining("/livez"))[0] == 200
    assert await draining("/readyz") == (503, b"draining\n")


@pytest.mark.parametrize(
    "path", ["/metrics", "/other", "/", "/livez/", "//livez", "/%6Civez", "/livez?x", "http://h/metrics"]
)
@pytest.mark.parametrize(
    "headers", [(), ("authorization: Bearer wrong",), ("authorization: Basic dDBrZW46",), ("cookie: t0ken",)]
)
async def test_everything_else_does(admin, path, headers):
    ask = await admin(token="t0ken")
    status, body = await ask(path, *headers)
    assert status == (200 if path == "/livez?x" else 401)
    assert b"metrics 1" not in body


async def test_metrics(admin):
    for ask in (await admin(token="t0ken"), await admin()):
        assert await ask("/metrics", TOKEN, "accept: application/openmetrics-text") == (200, b"metrics 1\n")
        assert ask.accepts == ["application/openmetrics-text"]
        status, body = await ask("/metrics", TOKEN, "content-length: 0", method="POST")
        assert status == 405 and b'"bad_method"' in body and b"allow: get, head" in ask.head.lower()
        assert (await ask("/nothing", TOKEN))[0] == 404


@pytest.mark.parametrize("path", ["/metrics", "/cache", "/cache/purge", "/other"])
async def test_web_pages_are_not_served(admin, path):
    """A browser sends `Origin` wherever a page could do harm: it must not be made to operate the proxy."""
    for ask in (await admin(token="t0ken"), await admin()):
        for method in ("GET", "POST"):
            status, body = await ask(path, TOKEN, "origin: http://evil.example", method=method, body=b"{}")
            assert status == 403 and b'"bad_origin"' in body
    assert (await ask("/livez", "origin: http://evil.example"))[0] == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8081", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:8081", 200),
        ("[::1]:8081", 200),
        ("10.0.0.5", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example:8081", 403),
        ("", 403),
        ("[", 403),
        ("@localhost@evil.example", 403),
    ],
)
async def test_without_a_token_only_under_a_name_of_ours(admin, host, status):
    """A page's own name may be made to resolve to this machine (DNS rebinding)."""
    ask = await admin()
    assert (await ask("/metrics", host=host))[0] == status
    assert (await ask("/livez", host=host))[0] == 200


async def test_a_configured_name_is_ours_and_a_token_needs_none(admin):
    ask = await admin(host="127.0.0.1", token="t0ken")
    assert (await ask("/metrics", TOKEN, host="proxy.example"))[0] == 200
    assert (await ask("/metrics", host="localhost"))[0] == 401
