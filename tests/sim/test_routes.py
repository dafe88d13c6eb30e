from hashlib import sha256

import pytest


async def test_echo_tells_what_arrived(http):
    async with http.put("/v1/_echo/?a=1", data=b"x") as answer:
        assert answer.status == 404
    async with http.put("/v1/_echo?a=1&b=%20", data=b"abc", headers={"x-foo": "bar"}) as answer:
        told = await answer.json()
    assert (told["method"], told["path"], told["query"]) == ("PUT", "/v1/_echo", "a=1&b= ")
    assert ["x-foo", "bar"] in told["headers"]
    assert (told["body_bytes"], told["body_sha256"]) == (3, sha256(b"abc").hexdigest())


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/nothing"), ("GET", "/v1/chat/completions"), ("POST", "/"), ("GET", "/v1/files/x/content")],
)
async def test_anything_else_is_a_404_in_openais_shape(http, method, path):
    async with http.request(method, path) as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["type"] == "invalid_request_error"


async def test_models(http):
    async with http.get("/v1/models") as answer:
        listed = (await answer.json())["data"]
    assert "gpt-4o" in {model["id"] for model in listed}
    async with http.get("/v1/models/org/name") as answer:
        assert (await answer.json())["id"] == "org/name"
    async with http.get("/v1/models/fault-404") as answer:
        assert answer.status == 404


async def test_a_fault_by_header_works_where_no_model_is_named(http):
    async with http.get("/v1/models", headers={"x-sim-fault": "fault-503"}) as answer:
        assert answer.status == 503


async def test_a_redirect_points_at_the_echo(http):
    async with http.post("/v1/embeddings", json={"model": "fault-redirect"}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["location"]) == (302, "/v1/_echo")


async def test_the_journal_over_http(http):
    for model in ("a", "b"):
        async with http.post("/v1/embeddings", json={"model": model, "input": "x"}) as answer:
            assert answer.status == 200
    async with http.get("/_journal", params={"last": 1, "model": "a"}) as answer:
        (entry,) = (await answer.json())["entries"]
    assert entry["body"] == {"model": "a", "input": "x"}
    assert entry["state"] == "answered"
    async with http.delete("/_journal") as answer:
        assert answer.status == 200
    async with http.get("/_journal") as answer:
        assert (await answer.json())["entries"] == []


async def test_requests_of_one_connection_share_its_number(http, sim):
    for _ in range(2):
        async with http.get("/v1/models") as answer:
            await answer.read()
    assert len({entry["connection"] for entry in sim.journal.entries()}) == 1
    async with http.get("/_stats") as answer:
        stats = await answer.json()
    assert (stats["open_connections"], stats["total"], stats["in_flight"]) == (1, 2, 0)


async def test_alive(http):
    async with http.get("/livez") as answer:
        assert await answer.json() == {"status": "ok", "simulated": True}


async def test_anthropic_errors_in_anthropics_shape(http):
    async with http.post("/v1/messages", json={"model": "fault-529"}) as answer:
        assert answer.status == 529
        assert (await answer.json())["error"]["type"] == "overloaded_error"
    async with http.post("/v1/messages", data=b"{") as answer:
        assert (await answer.json())["type"] == "error"
