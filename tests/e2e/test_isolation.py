"""What one tenant, or one client, must not reach."""

import asyncio
from typing import Any

import aiohttp
import pytest
from e2e_kit import Serve, Served, Sim, fresh, proxy_config, send

KEYS = {"static": {"alice": "sk-alice", "bob": "sk-bob"}}
OPERATOR = "sk-operator-secret-key"


@pytest.fixture(scope="module")
def shared_account(shared_serve: Serve, shared_sim: Sim) -> Served:
    """Two tenants, one key of the operator's, one model they may ask for."""
    providers = {"own": {"base_url": shared_sim.url, "api_key": OPERATOR}}
    models = {"cheap": {"targets": ["own/gpt-4o-mini"]}}
    return shared_serve(proxy_config("", providers=providers, models=models, keys=KEYS))


def bob(**more: str) -> dict[str, str]:
    return {"authorization": "Bearer sk-bob", **more}


@pytest.mark.parametrize(
    "path",
    ["chat/complet%69ons", "chat/%63ompletions", "Chat/Completions", "deployments/x/chat/completions", "x/embeddings"],
)
async def test_another_spelling_is_no_way_around_the_model_list(
    http: aiohttp.ClientSession, shared_account: Served, shared_sim: Sim, path: str
) -> None:
    test_id = fresh()
    body = {"model": "gpt-5-pro", "messages": [{"role": "user", "content": "hi"}]}
    answer = await send(http, f"{shared_account.url}/{path}", body, headers=bob(**{"x-test-id": test_id}))
    assert answer.status in (400, 404)
    assert not shared_sim.entries(test_id)


async def test_a_slash_at_the_end_changes_nothing(http: aiohttp.ClientSession, shared_account: Served) -> None:
    body = {"model": "gpt-5-pro", "messages": [{"role": "user", "content": "hi"}]}
    answer = await send(http, f"{shared_account.url}/chat/completions/", body, headers=bob())
    assert answer.status == 404 and answer.json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "files"), ("GET", "responses/resp_of_alice"), ("DELETE", "files/f")]
)
async def test_tenants_do_not_meet_in_the_operators_account(
    http: aiohttp.ClientSession, shared_account: Served, shared_sim: Sim, method: str, path: str
) -> None:
    test_id = fresh()
    headers = bob(**{"x-test-id": test_id})
    answer = await send(http, f"{shared_account.url}/{path}", method=method, headers=headers)
    assert answer.status == 403
    assert not shared_sim.entries(test_id)
    assert (await send(http, f"{shared_account.url}/models", method="GET", headers=bob())).status == 200


async def test_a_credential_in_provider_headers_is_the_operators(
    http: aiohttp.ClientSession, serve: Serve, shared_sim: Sim
) -> None:
    providers = {"own": {"base_url": shared_sim.url, "headers": {"Authorization": f"Bearer {OPERATOR}"}}}
    proxy = await asyncio.to_thread(serve, proxy_config("", providers=providers))
    answer = await send(http, proxy.url + "/_echo", {"a": 1}, headers={"authorization": "Bearer sk-dummy"})
    sent = {name.lower(): value for name, value in answer.json()["headers"]}
    assert sent["authorization"] == f"Bearer {OPERATOR}"
    body: dict[str, Any] = {"model": "fault-401", "messages": []}
    refused = await send(http, proxy.url + "/chat/completions", body, headers={"authorization": "Bearer sk-dummy"})
    assert refused.status == 502 and refused.json()["error"]["code"] == "upstream_auth"
