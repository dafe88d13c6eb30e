"""Evaluations need data that is not part of the project: they run when they are asked for, `pytest tests/evals`."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Stay out of a plain `pytest`."""
    return None if any("evals" in argument for argument in config.args) else True
