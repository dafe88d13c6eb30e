"""Clients that do anything: what was sent once behind a prefix is sent the same for as long as the session is known."""

import copy
import random

import pytest
from compress_kit import SHAPES, Loop, compressor, lent, listing, minified, send, sent

from tailrace.wire import jsonio
from tailrace_plugins.compress import work as module

TEXTS = (listing, lambda n: f"plain words {n}", lambda n: "{}", lambda n: f'{{"n":  {n}, "words": "{"x" * 50}"}}')


@pytest.fixture(autouse=True)
def one_pass(monkeypatch):
    monkeypatch.setattr(module, "compress", minified)


def grown(rng, loop):
    results = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        text = rng.choice(TEXTS)(rng.randrange(5))
        kind = "input_text" if loop.shape == "responses" else "text"
        results.append([{"type": kind, "text": text}, {"type": "image"}] if rng.random() < 0.2 else text)
    loop.step(*results)
    if rng.random() < 0.2:
        loop.messages.append({"role": "user", "content": f"go on {rng.randrange(3)}"})


def changed(rng, loop):
    """Another history: cut off, a message dropped or said differently."""
    at = rng.randrange(1, len(loop.messages))
    if rng.random() < 0.4:
        del loop.messages[at + 1 :]
    elif rng.random() < 0.5 and at > 1:
        del loop.messages[at]
    else:
        loop.messages[at] = {"role": "user", "content": f"said differently {rng.randrange(3)}"}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(12))
async def test_a_walk(shape, seed):
    rng = random.Random(f"{shape} {seed}")
    services = lent()
    made = compressor({"session_bytes": rng.choice((3_000, 20_000, 1 << 22))}, services)
    loop, kept = Loop(shape), []
    replayed: dict[bytes, bytes] = {}
    session = {"x-tailrace-session": "walk"} if rng.random() < 0.5 else {}
    for _ in range(40):
        before = jsonio.dumps(loop.messages)
        skip = ["compress"] if rng.random() < 0.1 else []
        got = sent(await send(made, loop, headers=session, skip=skip))
        assert jsonio.dumps(loop.messages) == before, "the client's messages are never changed"
        for index in range(len(got)):
            key = jsonio.dumps(loop.messages[: index + 1])
            if not skip:
                assert replayed.setdefault(key, jsonio.dumps(got[index])) == jsonio.dumps(got[index])
            assert len(loop.results(got)) == len(loop.results())
        what = rng.random()
        if what < 0.65:
            grown(rng, loop)
        elif what < 0.75 and len(loop.messages) > 2:
            changed(rng, loop)
        elif what < 0.85:
            kept.append(copy.deepcopy(loop))
        elif what < 0.95 and kept:
            loop = copy.deepcopy(rng.choice(kept))
        elif what > 0.97:
            services.clock.advance(4_000)
            replayed.clear()
