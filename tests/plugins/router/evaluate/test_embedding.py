import asyncio

import pytest

from tailrace.embed import EmbedderUnavailable
from tailrace_plugins.router.evaluate import embedding


class Fake:
    """An embedder that takes a moment; texts with `bad` in them get no vector."""

    def __init__(self, settings, state="ready", reason=""):
        self.settings, self.reason = settings, reason
        self._state, self.state = state, "off"
        self.at_once = self.most_at_once = 0
        self.is_closed = False

    def start(self):
        self.state = self._state

    async def embed(self, text):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if "bad" in text:
            raise EmbedderUnavailable("too-long")
        return text.encode()

    async def aclose(self):
        self.is_closed = True


@pytest.fixture
def fake(monkeypatch):
    made = []

    def use(**more):
        def make(settings, tasks, clock):
            made.append(Fake(settings, **more))
            return made[0]

        monkeypatch.setattr(embedding, "make_embedder", make)
        return made

    return use


def test_vectors_in_the_order_of_the_texts(fake):
    made, told = fake(), []
    texts = [f"text {n}" for n in range(500)] + ["bad"]
    assert embedding.embed(texts, lambda: told.append(1)) == [*(text.encode() for text in texts[:-1]), None]
    assert len(told) == 501
    # The embedder's queue is bounded; whoever asks for more at once is refused.
    assert made[0].most_at_once <= 256
    assert made[0].is_closed


def test_an_embedder_that_does_not_load(fake):
    made = fake(state="failed", reason="the model is not installed")
    with pytest.raises(embedding.NotReady, match="the model is not installed"):
        embedding.embed(["a"])
    assert made[0].is_closed


def test_whether_the_extra_is_there(monkeypatch):
    monkeypatch.setattr(embedding.importlib.util, "find_spec", lambda name: object())
    assert embedding.is_installed()
    monkeypatch.setattr(embedding.importlib.util, "find_spec", lambda name: None)
    assert not embedding.is_installed()
