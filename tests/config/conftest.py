"""Configurations in files, and an environment that holds only what the test says."""

import os

import pytest


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in os.environ:
        if name.upper().startswith("TAILRACE") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path):
    """Write a configuration; returns its path."""

    def to_file(text: str | bytes, name: str = "tailrace.yaml") -> str:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    return to_file
