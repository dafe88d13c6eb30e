"""The first thing a newcomer runs."""

import os
import subprocess
from pathlib import Path

import psutil
from e2e_kit import TAILRACE


def test_the_demo_compares_and_leaves_nothing_running(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TAILRACE_"))}
    process = subprocess.Popen(
        [TAILRACE, "demo"],
        cwd=tmp_path,
        env=env | {"COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    children: set[int] = set()
    while process.poll() is None:
        try:
            children |= {child.pid for child in psutil.Process(process.pid).children(recursive=True)}
            process.wait(0.2)
        except (subprocess.TimeoutExpired, psutil.NoSuchProcess):
            pass
    out = process.stdout.read() if process.stdout is not None else ""
    assert process.returncode == 0, out
    for words in (
        "turns (calls)",
        "10 (9)",
        "first chunk",
        "cost as gpt-4o",
        "time in the proxy",
        "Same turns and calls",
    ):
        assert words in out
    assert "again" in out and ("in other words" in out or "Not shown: the semantic cache" in out), (
        "the part of the caches"
    )
    assert "chat gpt-4o" in out and "POST /v1/chat/completions" in out, "the span tree of one turn"
    assert len(children) >= 2, "a provider and a proxy of their own"
    assert not [pid for pid in children if psutil.pid_exists(pid)]
