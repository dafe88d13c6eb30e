"""What the tests of errors share: their two proxies, the request they vary, what an error must look like."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from e2e_kit.client import SECRET, Answer
from e2e_kit.process import Serve, Served, proxy_config
from e2e_kit.reading import is_openai_error
from e2e_kit.simulation import Sim

OUR_KEY = "sk-ours-0815-tail"
FAST = {"idle_s": 1, "first_event_s": 1, "total_s": 5}
HOST = b"Host: x\r\nAuthorization: Bearer " + SECRET.encode() + b"\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
SMUGGLED = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Smuggled: yes\r\n\r\n"


def told_as_object(answer: Answer) -> Any:
    """The error object of an answer, which must be whole and have its headers."""
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-request-id"]
    told = answer.json()
    assert is_openai_error(told), told
    assert SECRET.encode() not in answer.body
    return told["error"]


def nothing_in_log(served: Served, *secrets: str) -> None:
    text = "\n".join(served.lines())
    for secret in secrets:
        assert secret not in text
    assert "Traceback" not in text


@contextmanager
def plain_proxy(serve: Serve, sim: Sim) -> Iterator[Served]:
    """Without keys or models. What it logs must be clean at the end."""
    providers = {"sim": {"base_url": sim.url}, "claude": {"base_url": sim.url, "dialect": "anthropic"}}
    served = serve(proxy_config(sim.url, providers=providers, upstream=FAST, server={"max_body_bytes": 100_000}))
    yield served
    nothing_in_log(served, SECRET, OUR_KEY)


@contextmanager
def owned_proxy(serve: Serve, sim: Sim) -> Iterator[Served]:
    """With the operator's own keys and a models section. What it logs must be clean at the end."""
    providers = {
        "sim": {"base_url": sim.url, "api_key": OUR_KEY},
        "claude": {"base_url": sim.url, "dialect": "anthropic", "api_key": OUR_KEY},
    }
    names = ("gpt-4o", "fault-401", "fault-403", "fault-header-junk", "fault-400")
    models: dict[str, Any] = {name: {"targets": [f"sim/{name}"]} for name in names}
    models["claude-401"] = {"targets": ["claude/fault-401"]}
    served = serve(proxy_config(sim.url, providers=providers, models=models, upstream=FAST))
    yield served
    nothing_in_log(served, SECRET, OUR_KEY)
