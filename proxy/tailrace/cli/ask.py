"""How commands talk to the admin port of a running proxy."""

import http.client
from typing import Any
from urllib.parse import urlsplit

import click

from tailrace.cli.common import load_or_exit
from tailrace.wire import jsonio

_TIMEOUT_S = 60.0


def ask_admin(
    path: str | None, url: str | None, token: str | None, method: str, target: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """One request to the admin port that the configuration at `path` (or `url`) names; the parsed answer.

    Ends the command with a sentence when nobody answers, or the answer is a refusal.
    """
    if url is None or token is None:
        admin = load_or_exit(path).config.admin
        host = f"[{admin.host}]" if ":" in admin.host else admin.host
        url = url or f"http://{'127.0.0.1' if host in ('0.0.0.0', '[::]') else host}:{admin.port}"
        token = token or (admin.token.get_secret_value() if admin.token is not None else None)
    parts = urlsplit(url if "//" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.BadParameter("write an address like http://127.0.0.1:8081", param_hint="--url")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    try:
        connection = kind(parts.hostname, parts.port, timeout=_TIMEOUT_S)
        connection.request(method, target, jsonio.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        raw = response.read()
    except (OSError, http.client.HTTPException, ValueError) as error:
        told = getattr(error, "strerror", None) or type(error).__name__
        raise click.ClickException(
            f"no proxy answers at {parts.scheme}://{parts.netloc} ({told}). Is it running, and is this its admin port?"
        ) from None
    try:
        answer = jsonio.loads_object(raw)
    except jsonio.BadJson:
        raise click.ClickException(
            f"{parts.netloc} answered {response.status}, but not as an admin port does"
        ) from None
    if response.status != 200:
        told_error = answer.get("error")
        message = told_error.get("message", "") if isinstance(told_error, dict) else told_error or ""
        raise click.ClickException(f"{response.status}: {message}")
    return answer
