"""What is embedded at all; the package's door."""

import subprocess
import sys

import pytest

from tailrace.clock import SystemClock
from tailrace.embed import EmbedderSettings, EmbedderUnavailable, make_embedder
from tailrace.embed.embedder import admit


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "bad-text"), (" \n", "bad-text"), ("a\ud800b", "bad-text"), ("12345678901", "too-long")],
)
def test_not_admitted(text, reason):
    with pytest.raises(EmbedderUnavailable) as caught:
        admit(text, 10)
    assert caught.value.reason == reason and str(caught.value) == reason
    assert caught.value.__context__ is None


def test_admitted():
    admit("1234567890", 10)


async def test_made_by_the_settings(tasks):
    local = make_embedder(EmbedderSettings(), tasks, SystemClock())
    remote = make_embedder(
        EmbedderSettings.model_validate({"base_url": "http://127.0.0.1:1", "model": "m"}), tasks, SystemClock()
    )
    assert local.identity.startswith("local:all-MiniLM-L6-v2") and remote.identity == "remote:http://127.0.0.1:1:m"
    for embedder in (local, remote):
        assert embedder.state == "off" and embedder.spent_tokens == 0 and embedder.dimension is None
        with pytest.raises(EmbedderUnavailable, match="off"):
            await embedder.embed("hello")
        await embedder.aclose()


@pytest.mark.parametrize("first", ["tailrace.embed", "tailrace.embed.settings", "tailrace.config.models"])
def test_every_door_leads_in_and_none_loads_what_is_heavy(first):
    code = f"import {first}, tailrace.embed, sys; print([n for n in ('torch', 'numpy', 'aiohttp') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
