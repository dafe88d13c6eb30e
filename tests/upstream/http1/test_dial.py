"""Opening connections: what goes wrong is named, and what was opened on the way is closed."""

import asyncio
import base64
import errno
import socket
import ssl

import pytest

from tailrace.upstream.http1 import CannotConnect, Origin, dial
from tailrace.upstream.http1.dial import proxy_authorization

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"

# Self-made, and good for nothing but this file.
CERTIFICATE = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg0q0iZIvuwUDTQija
jwd/Lmnij2aeiv/ZlQHWF2vLhV6hRANCAAQGBczSCIbxTYUMuev8HVJ2ScVLYO0M
Z7Q22sRMiIEfDhT8k0iCoa7BKbcb3nwhwvnlulSLunSfYKsiFC0kLays
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBbjCCARWgAwIBAgIBATAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA10YWlscmFj
ZSB0ZXN0MCAXDTI0MDEwMTAwMDAwMFoYDzIwOTkxMjMxMDAwMDAwWjAYMRYwFAYD
VQQDDA10YWlscmFjZSB0ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEBgXM
0giG8U2FDLnr/B1SdknFS2DtDGe0NtrETIiBHw4U/JNIgqGuwSm3G958IcL55bpU
i7p0n2CrIhQtJC2srKNOMEwwDwYDVR0TAQH/BAUwAwEB/zAaBgNVHREEEzARhwR/
AAABgglsb2NhbGhvc3QwHQYDVR0OBBYEFKMtS3GA+x9yFdw3FPMDkuhtR/qaMAoG
CCqGSM49BAMCA0cAMEQCIHRz+ODfSjRps03+iTAfPj7ELwrepOA8X6265ag1SAh5
AiB9CLCkxPm1TYR1V+4/eBv3XBR/YiGo17t2ybV+6OaZaQ==
-----END CERTIFICATE-----
"""


@pytest.fixture
def server_tls(tmp_path):
    path = tmp_path / "self-made.pem"
    path.write_text(CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.fixture
def trusted(monkeypatch):
    """Have the self-made certificate accepted."""
    context = ssl.create_default_context(cadata=CERTIFICATE[CERTIFICATE.index("-----BEGIN CERT") :])
    monkeypatch.setattr("tailrace.upstream.http1.dial._tls", lambda: context)


@pytest.fixture
def resolve(monkeypatch):
    """Decide what names resolve to; returns what was asked for."""

    def use(answer):
        asked = []
        loop = asyncio.get_running_loop()
        real = loop.getaddrinfo

        async def getaddrinfo(host, port, **options):
            if not str(host).endswith(".test"):
                # uvloop asks about addresses, too.
                return await real(host, port, **options)
            asked.append((host, port))
            if isinstance(answer, BaseException):
                raise answer
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, to or port)) for ip, to in answer]

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        return asked

    return use


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


async def failure(ask, connections, connect_s=5.0):
    with pytest.raises(CannotConnect) as caught:
        await ask(connections, connect_s=connect_s)
    return caught.value.why


async def test_a_refused_port(pool, ask):
    assert await failure(ask, pool(free_port())) == "connect"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no such name"), "dns"),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), "dns"),
        (OSError(errno.EMFILE, "too many open files"), "connect"),
        (TimeoutError(), "connect_timeout"),
    ],
)
async def test_names_that_do_not_resolve(pool, ask, resolve, error, why):
    resolve(error)
    assert await failure(ask, pool(80, host="provider.test")) == why


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".test"])
async def test_names_that_cannot_be_names(pool, ask, host):
    assert await failure(ask, pool(80, host=host)) == "dns"


async def test_the_second_address_is_tried(peer, pool, ask, read, resolve):
    provider = await peer(OK)
    asked = resolve([("127.0.0.1", free_port()), ("127.0.0.1", provider.port)])
    assert await read(await ask(pool(provider, host="provider.test"))) == (b"hello", None)
    assert asked == [("provider.test", provider.port)]
    assert f"host: provider.test:{provider.port}\r\n".encode() in provider.got[0]


async def test_a_name_that_takes_for_ever(pool, ask, monkeypatch):
    async def getaddrinfo(*args, **options):
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    assert await failure(ask, pool(80, host="provider.test"), connect_s=0.02) == "connect_timeout"


async def test_a_handshake_that_takes_for_ever(peer, pool, ask, until):
    async def script(link):
        await link.closed()

    provider = await peer(script)
    assert await failure(ask, pool(provider, scheme="https"), connect_s=0.05) == "connect_timeout"
    await until(lambda: not provider.running, "the end of the connection")


async def test_a_self_made_certificate_is_refused(peer, pool, ask, until, server_tls):
    provider = await peer(OK, ssl=server_tls)
    assert await failure(ask, pool(provider, scheme="https")) == "tls"
    await until(lambda: not provider.running)
    assert provider.got == []


async def test_a_trusted_certificate_for_another_name_is_refused(peer, pool, ask, server_tls, trusted, resolve):
    provider = await peer(OK, ssl=server_tls)
    resolve([("127.0.0.1", None)])
    assert await failure(ask, pool(provider, scheme="https", host="other.test")) == "tls"
    assert provider.got == []


async def test_tls_to_something_else(peer, pool, ask):
    async def script(link):
        await link.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await link.closed()

    assert await failure(ask, pool(await peer(script), scheme="https")) == "tls"


async def test_tls_end_to_end(peer, pool, ask, read, server_tls, trusted):
    provider = await peer(OK, ssl=server_tls)
    connections = pool(provider, scheme="https")
    for _ in range(3):
        assert await read(await ask(connections)) == (b"hello", None)
    assert (provider.accepted, len(provider.got)) == (1, 3)


async def test_cancelling_a_dial_closes_what_it_opened(peer, pool, until):
    async def script(link):
        await link.closed()

    provider = await peer(script)
    made = []
    origin = Origin("https", "127.0.0.1", provider.port)
    dialing = asyncio.create_task(dial.dial(origin, lambda: made.append(asyncio.Protocol()) or made[-1], 5.0))
    await until(lambda: provider.accepted == 1)
    dialing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dialing
    await until(lambda: not provider.running, "the end of the connection")


# Forward proxies.


def connect_proxy(peer_port, answer=b"HTTP/1.1 200 Connection established\r\nx: y\r\n\r\n", heads=None):
    """Answers CONNECT, then passes bytes on to the port."""

    async def script(link):
        heads.append(await link.head())
        await link.send(answer)
        if b" 200 " not in answer:
            return
        reader, writer = await asyncio.open_connection("127.0.0.1", peer_port)

        async def pump(source, sink):
            while piece := await source.read(65536):
                sink.write(piece)
                await sink.drain()
            sink.close()

        try:
            await asyncio.gather(pump(link.reader, writer), pump(reader, link.writer))
        finally:
            writer.close()

    return script


async def test_https_goes_through_a_tunnel(peer, pool, ask, read, server_tls, trusted):
    provider = await peer(OK, ssl=server_tls)
    heads = []
    forward = await peer(connect_proxy(provider.port, heads=heads))
    connections = pool(provider, scheme="https", proxy=f"http://us%40er:p%3Aw@127.0.0.1:{forward.port}")
    for _ in range(2):
        assert await read(await ask(connections)) == (b"hello", None)
    pair = base64.b64encode(b"us@er:p:w").decode()
    where = f"127.0.0.1:{provider.port}"
    assert heads == [f"CONNECT {where} HTTP/1.1\r\nhost: {where}\r\nproxy-authorization: Basic {pair}\r\n\r\n".encode()]
    assert b"proxy-authorization" not in provider.got[0] and provider.got[0].startswith(b"POST /v1/x HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 2\r\n\r\nno",
        b"HTTP/1.1 2000 Odd\r\n\r\n",
        b"\r\n\r\n",
        b"garbage",
        b"x" * 20_000,
    ],
    ids=["407", "502", "2000", "empty", "garbage", "huge"],
)
async def test_a_proxy_that_makes_no_tunnel(peer, pool, ask, until, answer):
    forward = await peer(connect_proxy(0, answer, heads=[]))
    connections = pool(443, scheme="https", host="provider.test", proxy=f"http://127.0.0.1:{forward.port}")
    assert await failure(ask, connections) == "proxy"
    await until(lambda: not forward.running)


async def test_a_proxy_that_is_not_there(pool, ask):
    connections = pool(443, scheme="https", host="provider.test", proxy=f"http://127.0.0.1:{free_port()}")
    assert await failure(ask, connections) == "proxy"


async def test_a_tunnel_to_an_ipv6_address(peer, pool, ask):
    heads = []
    forward = await peer(connect_proxy(0, b"HTTP/1.1 502 No\r\n\r\n", heads=heads))
    await failure(ask, pool(443, scheme="https", host="::1", proxy=f"http://127.0.0.1:{forward.port}"))
    assert heads[0].startswith(b"CONNECT [::1]:443 HTTP/1.1\r\nhost: [::1]:443\r\n")


async def test_plain_http_asks_the_proxy_for_the_whole_url(peer, pool, ask, read):
    forward = await peer(OK)
    connections = pool(80, host="provider.test", proxy=f"http://user:pw@127.0.0.1:{forward.port}")
    assert await read(await ask(connections, target="/v1/x?y=1")) == (b"hello", None)
    pair = base64.b64encode(b"user:pw")
    assert forward.got[0].startswith(
        b"POST http://provider.test/v1/x?y=1 HTTP/1.1\r\nhost: provider.test\r\nproxy-authorization: Basic " + pair
    )


@pytest.mark.parametrize(
    ("proxy", "pair"),
    [(None, None), ("http://h:1", None), ("http://u@h", "u:"), ("http://u:p@h", "u:p"), ("http://%C3%A9:x@h", "é:x")],
)
def test_proxy_authorization(proxy, pair):
    line = proxy_authorization(proxy)
    assert line == (
        "" if pair is None else f"proxy-authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
    )
