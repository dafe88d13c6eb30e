"""How commands ask the admin port: against real sockets, each answering once."""

import socket
import threading
from contextlib import contextmanager

import click
import pytest

from tailrace.cli.ask import ask_admin

JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


def answered(body, status=b"200 OK"):
    return (JSON % (len(body), body)).replace(b"200 OK", status)


@contextmanager
def listening(answer):
    """A port that gives this answer; yields its address and what it was sent."""
    got = []
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.settimeout(5)
                raw = b""
                while b"\r\n\r\n" not in raw or (b"POST" in raw and not raw.endswith(b"}")):
                    raw += connection.recv(65536)
                got.append(raw)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", got
        thread.join(5)


@pytest.mark.parametrize("spelled", ["http://{}", "{}", "http://{}/"])
def test_a_question_and_its_answer(spelled):
    with listening(answered(b'{"a": 1}')) as (place, got):
        assert ask_admin(None, spelled.format(place), "t0ken", "POST", "/cache/purge", {"tag": "x"}) == {"a": 1}
    [raw] = got
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /cache/purge HTTP/1.1\r\n") and body == b'{"tag":"x"}'
    assert b"authorization: Bearer t0ken" in head and b"content-type: application/json" in head


def test_address_and_token_come_from_the_configuration(tmp_path):
    with listening(answered(b"{}")) as (place, got):
        path = tmp_path / "t.yaml"
        path.write_text(f"admin: {{port: {place.split(':')[1]}, token: t0ken-4711, host: 0.0.0.0}}\n")
        assert ask_admin(str(path), None, None, "GET", "/cache") == {}
    assert b"Bearer t0ken-4711" in got[0]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (answered(b'{"error": {"message": "Needs its token."}}', b"401 Unauthorized"), "401: Needs its token."),
        (answered(b'{"error": null}', b"500 Oops"), "500: "),
        (answered(b"<html>", b"404 Not Found"), "404, but not as an admin port does"),
        (answered(b"<html>"), "200, but not as an admin port does"),
        (answered(b"[]"), "not as an admin port does"),
        (b"SSH-2.0-OpenSSH\r\n", "no proxy answers at http://127.0.0.1"),
        (b"", "no proxy answers at http://127.0.0.1"),
    ],
)
def test_what_is_no_good_answer_is_one_sentence(answer, told):
    with listening(answer) as (place, _), pytest.raises(click.ClickException) as raised:
        ask_admin(None, place, "t0ken-4711", "GET", "/cache")
    assert told in raised.value.message and "t0ken" not in raised.value.message


def test_an_error_that_is_a_text():
    with (
        listening(answered(b'{"error": "not found"}', b"404 Not Found")) as (place, _),
        pytest.raises(click.ClickException),
    ):
        ask_admin(None, place, "t", "GET", "/cache")


def test_nobody_there():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with pytest.raises(click.ClickException, match="Is it running, and is this its admin port"):
        ask_admin(None, f"http://127.0.0.1:{port}", "t", "GET", "/cache")


@pytest.mark.parametrize("url", ["ftp://h", "http://", "http:///x", "//", ""])
def test_what_is_no_address(url):
    with pytest.raises(click.BadParameter):
        ask_admin(None, url, "t", "GET", "/cache")


def test_a_port_that_is_none():
    with pytest.raises(click.ClickException):
        ask_admin(None, "http://127.0.0.1:99999", "t", "GET", "/cache")
