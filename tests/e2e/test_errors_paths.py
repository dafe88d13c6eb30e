"""Errors: hostile paths and queries stay below the provider's base URL."""

from collections.abc import Iterator

import pytest
from e2e_kit import (
    Serve,
    Served,
    Sim,
    fresh,
    raw_exchange,
    split_answer,
)
from e2e_kit.errors import plain_proxy


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Iterator[Served]:
    with plain_proxy(shared_serve, shared_sim) as served:
        yield served


HOSTILE_PATHS = [
    "/v1/../admin",
    "/v1/..%2fadmin",
    "/v1/%2e%2e/admin",
    "/v1/%2E%2E/_journal",
    "/v1/.%2e/_journal",
    "/v1/./models",
    "/v1/%2e/models",
    "/v1//models",
    "//v1/models",
    "/v1/models/..",
    "/v1/models/../../_journal",
    "/v1/models%2f..%2f_journal",
    "/v1/models%5c..%5c_journal",
    "/v1/models\\..\\_journal",
    "/v1/models/%00",
    "/v1/models%0d%0aX-Injected:%20yes",
    "/v1/models/;/../x",
    "/v1/..;/_journal",
    "/v1/%252e%252e/_journal",
    "/v1/models/%c0%ae%c0%ae/_journal",
    "/v1",
    "/v1/",
    "/V1/models",
    "/v1/models#/../x",
    "http://127.0.0.1:1/v1/models",
    "http://x/v1/../_journal",
    "*",
    "x",
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", HOSTILE_PATHS)
async def test_hostile_paths_stay_below_the_base_url(plain: Served, shared_sim: Sim, path: str, method: str) -> None:
    test_id = fresh()
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-Test-Id: {test_id}\r\nContent-Length: 0\r\n\r\n"
    status, headers, _ = split_answer(await raw_exchange(plain.port, head.encode()))
    entries = shared_sim.entries(test_id)
    # Encodings of encodings are text to everyone; they may go on, as long as they stay where they are.
    assert all(entry["path"].startswith("/v1/") and "/../" not in entry["path"] for entry in entries)
    if not entries:
        assert status in (400, 404, 405)
        assert headers["content-type"].startswith("application/json")
    if ".." in path or "%2e%2e" in path.lower():
        assert not entries or "%25" in path or ";" in path


async def test_query_goes_on_as_it_is(plain: Served, shared_sim: Sim) -> None:
    test_id = fresh()
    query = "a=%2e%2e%2F&b=a+b&c=%C3%A9&d=[x]&limit=2&&e"
    head = f"GET /v1/_echo?{query} HTTP/1.1\r\nHost: x\r\nX-Test-Id: {test_id}\r\n\r\n"
    status, _, body = split_answer(await raw_exchange(plain.port, head.encode()))
    assert status == 200 and b'"path":"/v1/_echo"' in body
    assert len(shared_sim.entries(test_id)) == 1


async def test_odd_bytes_in_a_query(plain: Served) -> None:
    raw = await raw_exchange(plain.port, b"GET /v1/_echo?a=\xe9 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert split_answer(raw)[0] in (200, 400), raw
