import pytest

from tailrace.config.models import Admin as Settings
from tailrace.http.admin import Admin


@pytest.fixture
def admin(listen):
    async def start(*, draining=False, **settings):
        accepts = []

        def exposition(accept):
            accepts.append(accept)
            return lambda: (b"metrics 1\n", "text/plain; version=0.0.4")

        send = await listen(Admin(Settings(**settings), lambda: draining, exposition))

        async def ask(path, *headers, method="GET"):
            answer = await send("\r\n".join([f"{method} {path} HTTP/1.1", "host: h", *headers, "", ""]).encode())
            head, _, body = answer.partition(b"\r\n\r\n")
            return int(head.split()[1]), body

        ask.accepts = accepts
        return ask

    return start


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
        assert status == 404 and b'"error"' in body
        assert (await ask("/nothing", TOKEN))[0] == 404
