"""`model: auto` in the running proxy: the official client gets the model its request needs, and the true name of it."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from e2e_kit import TAILRACE, Serve, Served, Sim, clean_env, proxy_config

from tailrace.wire import jsonio

GOLDEN = sorted((Path(__file__).parent.parent / "plugins/router/golden").glob("*.json"))
TIERS = {
    "trivial": "gpt-4.1-nano",
    "simple": "gpt-4.1-mini",
    "moderate": "gpt-4o",
    "complex": "gpt-4.1",
    "expert": "o3",
}
NANO = TIERS["trivial"]
MODELS = {name: {"targets": [f"sim/{name}"]} for name in TIERS.values()}
CONFIG = {
    "models": {"auto": {"route": True}, **MODELS, "own": {"targets": ["sim/gpt-4o"], "route": True}},
    "plugins": [{"router": {"tiers": TIERS, "default": "gpt-4o"}}],
}


@pytest.fixture(scope="module")
def served(shared_serve: Serve, shared_sim: Sim) -> Iterator[Served]:
    yield shared_serve(proxy_config(shared_sim.url, **CONFIG))


@pytest.fixture
async def ai(served: Served, request: pytest.FixtureRequest) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=served.url, api_key=f"sk-{request.node.name}", max_retries=0) as made:
        yield made


async def ask(ai: openai.AsyncOpenAI, text: str, model: str = "auto", **more: Any) -> tuple[str, str]:
    """The tier and the model that answered."""
    raw = await ai.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": text}], **more
    )
    return str(raw.headers.get("x-tailrace-tier")), raw.parse().model


async def test_the_sixty_requests_get_the_models_of_their_tiers(ai: openai.AsyncOpenAI) -> None:
    assert len(GOLDEN) == 60
    for path in GOLDEN:
        case = jsonio.loads_object(path.read_bytes())
        raw = await ai.chat.completions.with_raw_response.create(**{**case["request"], "stream": False})
        tier, model = str(raw.headers["x-tailrace-tier"]), raw.parse().model
        assert tier in (case["tier"], case.get("also")), f"{path.stem}: {case['why']}"
        assert model == TIERS[tier], "the answer's model is the true one"
        assert f"router=routed({model})" in raw.headers["x-tailrace-chain"]


async def test_streams_are_routed_and_name_their_model(ai: openai.AsyncOpenAI) -> None:
    stream = await ai.chat.completions.create(
        model="auto", messages=[{"role": "user", "content": "thanks!"}], stream=True
    )
    models = {chunk.model async for chunk in stream}
    assert models == {NANO}


async def test_responses_and_messages(served: Served, ai: openai.AsyncOpenAI) -> None:
    response = await ai.responses.create(model="auto", input="thanks!", store=False)
    assert response.model == NANO
    async with anthropic.AsyncAnthropic(base_url=served.url.removesuffix("/v1"), api_key="sk-a") as claude:
        message = await claude.messages.create(
            model="auto", max_tokens=50, messages=[{"role": "user", "content": "thanks!"}]
        )
    assert message.model == NANO


async def test_the_client_may_name_the_tier_or_the_model(ai: openai.AsyncOpenAI) -> None:
    headers = {"x-tailrace-tier": "expert"}
    assert await ask(ai, "thanks!", extra_headers=headers) == ("expert", "o3")
    assert await ask(ai, "thanks!", "gpt-4.1") == ("None", "gpt-4.1")
    assert (await ask(ai, "thanks!", "own"))[1] == NANO, "a model that is marked as routable"
    with pytest.raises(openai.BadRequestError, match="did you mean 'expert'"):
        await ask(ai, "thanks!", extra_headers={"x-tailrace-tier": "exprt"})


async def test_left_out_by_the_client_the_first_model_answers(ai: openai.AsyncOpenAI) -> None:
    assert await ask(ai, "Prove it.", extra_headers={"x-tailrace-skip": "router"}) == ("None", NANO)


async def test_auto_needs_no_configuration(serve: Serve) -> None:
    made = await asyncio.to_thread(serve, {"server": {"port": 0}, "admin": {"port": 0}})
    async with openai.AsyncOpenAI(base_url=made.url, api_key="sk-none", max_retries=0) as ai:
        assert await ask(ai, "thanks!") == ("trivial", "gpt-4o-mini")
        assert (await ask(ai, "x", extra_headers={"x-tailrace-tier": "expert"}))[1] == "gpt-4o"


async def test_what_was_decided_is_in_the_metrics(served: Served, ai: openai.AsyncOpenAI) -> None:
    await ask(ai, "thanks a lot!")
    async with httpx.AsyncClient() as http:
        told = (await http.get(served.admin + "/metrics")).text
    counted = f'{{model="{NANO}",plugin="router",reason="first-turn",tier="trivial"}}'
    assert f"tailrace_routed_requests_total{counted}" in told
    assert 'tailrace_saved_usd_total{mechanism="router"}' in told


def explained(request: dict[str, Any], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [TAILRACE, "router", "explain", *arguments],
        input=jsonio.dumps(request).decode(),
        capture_output=True,
        text=True,
        env=clean_env(),
        timeout=60,
        check=False,
    )


def test_explain_shows_features_weights_and_the_decision() -> None:
    request = {"model": "auto", "messages": [{"role": "user", "content": "thanks!"}]}
    done = explained(request)
    assert done.returncode == 0, done.stderr
    for words in ("What counted", "features:", "p(the cheap model suffices)", "tier: trivial", "model: gpt-4o-mini"):
        assert words in done.stdout
    told = jsonio.loads_object(explained(request, "--json", "--mode", "rules").stdout.encode())
    assert (told["tier"], told["scored_by"], told["model"]) == ("trivial", "rules", "gpt-4o-mini")
    assert told["features"] and told["weights"] and len(told["thresholds"]) == 4


def test_explain_refuses_what_is_no_request() -> None:
    done = subprocess.run(
        [TAILRACE, "router", "explain"], input="hello", capture_output=True, text=True, env=clean_env(), check=False
    )
    assert done.returncode == 1 and "no JSON object" in done.stderr


def test_eval_measures_a_file_of_outcomes(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"{'Prove it. ' * (n % 7)}What is {n} + {n}?", "weak_correct": n % 3 > 0, "strong_correct": True}
        for n in range(60)
    ]
    (tmp_path / "own.jsonl").write_bytes(b"\n".join(jsonio.dumps(row) for row in rows))
    words = [TAILRACE, "eval", "router", "own.jsonl", "--mode", "rules", "--bootstrap", "50", "--plot", "own.png"]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, env=clean_env(), timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    told = jsonio.loads_object(done.stdout.splitlines()[-1].encode())
    assert list(told) == ["file", "n", "cpt50", "cpt80", "apgr", "p50_ms", "p99_ms"]
    assert (told["file"], told["n"]) == ("own.jsonl", 60) and 0 < told["apgr"] < 2
    assert "prompt length" in done.stdout and (tmp_path / "own.png").read_bytes().startswith(b"\x89PNG")


def test_weights_learnt_from_own_outcomes_are_used(tmp_path: Path) -> None:
    rows = [
        {
            "prompt": f"Prove theorem {n} for all primes." if n % 2 else f"hi number {n}",
            "weak_correct": n % 2 == 0,
            "strong_correct": True,
        }
        for n in range(80)
    ]
    (tmp_path / "own.jsonl").write_bytes(b"\n".join(jsonio.dumps(row) for row in rows))
    words = [TAILRACE, "router", "train", "own.jsonl", "--out", "w.json", "--no-embedding"]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, env=clean_env(), timeout=100, check=False
    )
    if "scikit" in done.stderr or "sklearn" in done.stderr:
        pytest.fail("training needs scikit-learn, which comes with the semantic extra")
    assert done.returncode == 0, done.stderr
    request = {"messages": [{"role": "user", "content": "hi number 7"}]}
    told = jsonio.loads_object(explained(request, "--json", "--weights", str(tmp_path / "w.json")).stdout.encode())
    assert told["scored_by"] == "learned" and told["p"] > 0.5
