"""The router on outcomes of a strong and a weak model, where ../shared/data is there (`make evals`).

The shipped weights have seen the visible rows. What is judged here was not learnt from: the weights are learnt anew from
four fifths of the rows, without embeddings (with them it takes minutes), and measured on the rest.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tailrace.wire import jsonio
from tailrace_plugins.router.evaluate.judge import judge
from tailrace_plugins.router.evaluate.metrics import Scored
from tailrace_plugins.router.evaluate.outcomes import Row, read_outcomes
from tailrace_plugins.router.scorer import Mode, Scorer
from tailrace_plugins.router.scorer.train import train, train_rules

DATA = Path(__file__).parents[3] / "shared/data/routellm"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there")
SETS = ("mmlu", "gsm8k")
LEFT_OUT = 5


def rows(name: str) -> list[Row]:
    return list(read_outcomes(DATA / f"{name}.jsonl").rows)


def raw(name: str) -> list[dict[str, Any]]:
    found = [jsonio.loads_object(line) for line in (DATA / f"{name}.jsonl").read_bytes().splitlines()]
    return [{**row, "source": name} for row in found if not row.get("contaminated")]


@pytest.fixture(scope="module")
def scorers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scorer]:
    learnt = [row for name in SETS for at, row in enumerate(raw(name)) if at % LEFT_OUT]
    folder = tmp_path_factory.mktemp("weights")
    made: dict[Mode, dict[str, Any]] = {
        "learned": train(learnt, seed=4, scratch=True),
        "rules": train_rules(learnt, seed=4),
    }
    found = {}
    for mode, content in made.items():
        (folder / f"{mode}.json").write_bytes(jsonio.dumps(content))
        found[str(mode)] = Scorer(mode, folder / f"{mode}.json")
    return found


def apgr(scores: list[float], held: list[Row]) -> float:
    return Scored(scores, [row.weak for row in held], [row.strong for row in held], None).metrics().apgr


@pytest.mark.parametrize(
    ("mode", "name", "least"), [("learned", "mmlu", 0.6), ("rules", "mmlu", 0.6), ("learned", "gsm8k", 0.52)]
)
def test_on_rows_left_out(scorers: dict[str, Scorer], mode: str, name: str, least: float) -> None:
    held = [row for at, row in enumerate(rows(name)) if at % LEFT_OUT == 0]
    judged = judge(held, scorers[mode], [None] * len(held), lambda: None)
    found, length = apgr(judged.scores, held), apgr([float(row.chars) for row in held], held)
    print(f"{mode} {name}: {found:.3f} (prompt length {length:.3f}), {len(held)} rows left out")
    assert found >= least
    assert name != "mmlu" or found >= length + 0.01


def test_the_shipped_weights_say_what_they_are_worth() -> None:
    told = Scorer("learned").weights.statement["apgr"]
    assert told["learned+embedding"]["mmlu"]["apgr"] >= 0.63
    assert np.isfinite(told["learned"]["gsm8k"]["apgr"])
