"""The embedding process: what it does to a proxy when it is well, and when it is not."""

import asyncio
import logging
import os
from contextlib import asynccontextmanager

import pytest

from tailrace.clock import SystemClock
from tailrace.embed import EmbedderSettings, EmbedderUnavailable
from tailrace.embed import local as module
from tailrace.embed.local import LocalEmbedder, Patience
from tailrace.embed.vectors import is_unit

QUICK = Patience(load_s=20, batch_s=20, first_pause_s=0.01, last_pause_s=0.02, goodbye_s=5)
PROMPT = "my password is hunter2"


@asynccontextmanager
async def running(tasks, command, patience=QUICK, **settings):
    embedder = LocalEmbedder(
        EmbedderSettings(**{"timeout_s": 20, **settings}), tasks, SystemClock(), command=command, patience=patience
    )
    embedder.start()
    embedder.start()
    try:
        yield embedder
    finally:
        await embedder.aclose()
        await embedder.aclose()


async def reason(call) -> str:
    with pytest.raises(EmbedderUnavailable) as caught:
        await call
    return caught.value.reason


async def test_it_loads_in_the_background_and_embeds(tasks, fake, until):
    async with running(tasks, fake.command()) as embedder:
        assert embedder.state == "loading"
        assert await reason(embedder.embed("early")) == "loading"
        await until(lambda: embedder.state == "ready")
        assert embedder.dimension == 8 and embedder.reason == ""
        one, same, other = await asyncio.gather(*(embedder.embed(text) for text in ("one", "one", "other")))
        assert one == same != other and is_unit(one, 8) and is_unit(other, 8)
        assert len(fake.lines("start")) == 1
    assert embedder.state == "off" and len(tasks) == 0
    assert await reason(embedder.embed("late")) == "off"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("long", "too-long"),
        ("alien", "unknown-words"),
        ("nan", "bad-vector"),
        ("zero", "bad-vector"),
        ("", "bad-text"),
        ("x" * 8001, "too-long"),
    ],
)
async def test_texts_without_a_vector(tasks, fake, until, text, why):
    async with running(tasks, fake.command()) as embedder:
        await until(lambda: embedder.state == "ready")
        assert await reason(embedder.embed(text)) == why
        assert len(await embedder.embed("fine")) == 32
        assert len(fake.lines("start")) == 1


@pytest.mark.parametrize("text", ["crash", "garbage", "stale"])
async def test_a_crash_or_nonsense_fails_the_batch_and_starts_anew(tasks, fake, until, text):
    async with running(tasks, fake.command()) as embedder:
        await until(lambda: embedder.state == "ready")
        assert await reason(embedder.embed(text)) == "crashed"
        await until(lambda: len(fake.lines("start")) == 2 and embedder.state == "ready")
        assert len(await embedder.embed("fine")) == 32


async def test_who_waits_behind_a_crash_is_told(tasks, fake, until):
    async with running(tasks, fake.command()) as embedder:
        await until(lambda: embedder.state == "ready")
        first = tasks.spawn(embedder.embed("gated"), "first")
        await until(lambda: fake.lines("batch"))
        behind = tasks.spawn(embedder.embed("behind"), "behind")
        os.kill(embedder._process.pid, 9)
        assert await reason(first) == "crashed"
        assert await reason(behind) in ("failed", "loading", "crashed")


async def test_a_hang_ends_with_a_new_process(tasks, fake, until):
    patience = Patience(batch_s=0.05, first_pause_s=0.01)
    async with running(tasks, fake.command(), patience) as embedder:
        await until(lambda: embedder.state == "ready")
        assert await reason(embedder.embed("hang")) == "timeout"
        await until(lambda: len(fake.lines("start")) == 2 and embedder.state == "ready")


async def test_a_caller_is_not_kept_by_a_slow_batch(tasks, fake, until):
    async with running(tasks, fake.command(), timeout_s=0.05) as embedder:
        await until(lambda: embedder.state == "ready")
        assert await reason(embedder.embed("gated")) == "timeout"
        fake.gate.touch()
        await until(lambda: not embedder._batcher._running)
        assert embedder.state == "ready" and len(fake.lines("start")) == 1


async def test_what_queues_goes_together(tasks, fake, until):
    async with running(tasks, fake.command(), max_batch=3) as embedder:
        await until(lambda: embedder.state == "ready")
        first = tasks.spawn(embedder.embed("gated"), "first")
        await until(lambda: fake.lines("batch"))
        rest = [tasks.spawn(embedder.embed(str(n)), "rest") for n in range(4)]
        await asyncio.sleep(0)
        fake.gate.touch()
        await asyncio.gather(first, *rest)
        assert fake.lines("batch") == ["batch 1", "batch 3", "batch 1"]


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("refuses", "cannot be loaded: OSError: no such model"),
        ("dies", "code 7"),
        ("prints", "nonsense"),
        ("odd-hello", "nonsense"),
    ],
)
async def test_a_process_that_does_not_load_is_told_and_tried_again(tasks, fake, until, mode, told):
    patience = Patience(first_pause_s=0.01, last_pause_s=0.02, goodbye_s=0.1)
    async with running(tasks, fake.command(mode), patience) as embedder:
        await until(lambda: embedder.state == "failed")
        assert told in embedder.reason
        assert await reason(embedder.embed("text")) in ("failed", "loading")
        await until(lambda: len(fake.lines("start")) >= 3)


async def test_one_that_never_says_it_is_ready_is_given_up(tasks, fake, until):
    patience = Patience(load_s=0.05, goodbye_s=0.05, first_pause_s=10)
    async with running(tasks, fake.command("mute"), patience) as embedder:
        await until(lambda: embedder.state == "failed")
        assert "0.05 s" in embedder.reason


async def test_one_that_cannot_be_started(tasks, until):
    async with running(tasks, ["/nonexistent/python"]) as embedder:
        await until(lambda: embedder.state == "failed")
        assert "FileNotFoundError" in embedder.reason


async def test_without_the_extra_the_reason_says_what_to_install(tasks, until, monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    async with running(tasks, None) as embedder:
        await until(lambda: embedder.state == "failed")
        assert "install tailrace[semantic]" in embedder.reason
        await until(lambda: len(tasks) == 0)


async def test_pauses_double_to_their_bound(tasks, fake, until, caplog):
    patience = Patience(first_pause_s=0.01, last_pause_s=0.03, goodbye_s=1)
    with caplog.at_level(logging.WARNING, "tailrace.embed"):
        async with running(tasks, fake.command("dies"), patience):
            await until(lambda: len(caplog.records) >= 4)
    assert [record.args[1] for record in caplog.records[:4]] == [0.01, 0.02, 0.03, 0.03]


async def test_the_process_ends_with_its_input(tasks, fake, until):
    async with running(tasks, fake.command()) as embedder:
        await until(lambda: embedder.state == "ready")
        pid = embedder._process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_closing_while_it_loads(tasks, fake, until):
    async with running(tasks, fake.command("mute"), Patience(goodbye_s=0.05)):
        await until(lambda: fake.lines("start"))
    with pytest.raises(ProcessLookupError):
        os.kill(int(fake.lines("start")[0].split()[1]), 0)


async def test_no_text_in_logs_or_errors(tasks, fake, until, caplog):
    with caplog.at_level(logging.DEBUG):
        async with running(tasks, fake.command()) as embedder:
            await until(lambda: embedder.state == "ready")
            calls = [embedder.embed(text) for text in (PROMPT, "crash", PROMPT + "\ud800")]
            results = await asyncio.gather(*calls, return_exceptions=True)
            await until(lambda: len(fake.lines("start")) == 2)
    errors = [one for one in results if isinstance(one, EmbedderUnavailable)]
    told = "".join(repr(error) + repr(error.__context__) + repr(error.__cause__) for error in errors)
    assert errors and "hunter2" not in told + caplog.text
    assert "embedding process failed" in caplog.text


def test_the_process_gets_no_secrets():
    ours = {"OPENAI_API_KEY": "1", "TAILRACE__ADMIN__TOKEN": "2", "DB_PASSWORD": "3", "PATH": "4", "HF_TOKEN": "5"}
    assert module._environment(ours) == {"PATH": "4", "HF_TOKEN": "5"}


def test_a_folder_trained_again_is_another_model(tmp_path):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"weights")
    os.utime(weights, ns=(1, 1))
    before = module._identity(str(tmp_path))
    assert before == module._identity(str(tmp_path))
    os.utime(weights, ns=(2, 2))
    assert module._identity(str(tmp_path)) != before
