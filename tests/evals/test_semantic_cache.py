"""The semantic cache on pairs that nothing in it was tuned on, by the command a user has: `tailrace eval cache`.

`pairs/` was written for this (questions, hard negatives, requests of agents in many languages) and kept apart from the
pairs the verifier learnt from; CheckList's pairs are read where `../shared/data` is there.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tailrace.wire import jsonio

HERE = Path(__file__).parent
CHECKLIST = HERE.parents[2] / "shared/data/semantic_cache/checklist.jsonl"


def evaluated(file: Path, folder: Path) -> Any:
    command = [str(Path(sys.executable).parent / "tailrace"), "eval", "cache", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=600, check=True)
    print(done.stdout)
    return jsonio.loads(done.stdout.splitlines()[-1])


@pytest.mark.timeout(700)
def test_natural_questions(tmp_path: Path) -> None:
    told = evaluated(HERE / "pairs/natural.jsonl", tmp_path)
    assert told["precision"] >= 0.96 and told["recall"] >= 0.30


@pytest.mark.timeout(700)
def test_hard_negatives(tmp_path: Path) -> None:
    assert evaluated(HERE / "pairs/hard.jsonl", tmp_path)["false_hit_rate"] <= 0.02


@pytest.mark.timeout(700)
def test_requests_of_agents(tmp_path: Path) -> None:
    told = evaluated(HERE / "pairs/agents.jsonl", tmp_path)
    assert told["false_hit_rate"] <= 0.02 and told["recall"] >= 0.35


@pytest.mark.timeout(700)
@pytest.mark.skipif(not CHECKLIST.exists(), reason="../shared/data is not there")
def test_checklist(tmp_path: Path) -> None:
    told = evaluated(CHECKLIST, tmp_path)
    assert told["false_hit_rate"] <= 0.02 and told["recall"] >= 0.70
