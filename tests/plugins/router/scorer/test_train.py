import random
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("sklearn")

from tailrace.wire import jsonio  # noqa: E402
from tailrace.wire.conversation import Conversation, Turn  # noqa: E402
from tailrace_plugins.router.features import extract  # noqa: E402
from tailrace_plugins.router.scorer import Scorer, WeightsError  # noqa: E402
from tailrace_plugins.router.scorer.heads import EMBEDDING_SIZE  # noqa: E402
from tailrace_plugins.router.scorer.terms import EASIER, HARDER, STRUCTURE  # noqa: E402
from tailrace_plugins.router.scorer.train import examples, targets_of, train, train_rules  # noqa: E402
from tailrace_plugins.router.scorer.weights import parse  # noqa: E402

EASY = ("What colour is the flower number {}?", "Name the town with {} letters.", "Say hello to my {} friends.")
HARD = (
    "Prove that each of the {} equations has a solution, and derive a lower bound for it.",
    "A shop has {} boxes; if half of each is sold and 3 times as many come in, how many are left?",
    "Analyse and refactor the {} modules so that no deadlock is possible, then justify it.",
)


def rows(count: int = 240, seed: int = 1) -> list[dict[str, Any]]:
    """Questions of which the weak model fails at most of the hard ones."""
    dice = random.Random(seed)
    found = []
    for number in range(count):
        hard = number % 2 == 1
        prompt = dice.choice(HARD if hard else EASY).format(f"{'x' * (number % 7)}{dice.choice('abcdefgh')}{number}")
        weak = dice.random() > (0.8 if hard else 0.05)
        found.append({"prompt": prompt, "weak_correct": weak, "strong_correct": dice.random() > 0.02})
    return found


def embed(texts: list[str]) -> Any:
    """Vectors that tell by their first component whether a question is hard."""
    vectors = np.full((len(texts), EMBEDDING_SIZE), 0.01)
    vectors[:, 0] = [1.0 if "rove" in text or "nalyse" in text or "shop" in text else -1.0 for text in texts]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def p_of(scorer: Scorer, text: str) -> float:
    return scorer.score(extract(Conversation((Turn("user", text),)))).p


def saved(content: dict[str, Any], path: Path) -> Path:
    path.write_bytes(jsonio.dumps(content))
    return path


def test_what_is_learnt_is_a_file_that_scores(tmp_path: Path) -> None:
    content = train(rows(), seed=1, scratch=True)
    scorer = Scorer("learned", saved(content, tmp_path / "own.json"))
    assert p_of(scorer, EASY[0].format(5)) > p_of(scorer, HARD[0].format(5)) + 0.2
    assert content["statement"]["rows"] == {"outcomes": 240}
    assert content["statement"]["seed"] == 1
    assert content["statement"]["apgr"]["learned"]["outcomes"]["apgr"] > 0.55


def test_the_same_rows_and_seed_give_the_same_weights() -> None:
    one, other = (jsonio.dumps(train(rows(), seed=3, embed=embed)) for _ in range(2))
    assert one == other


def test_with_vectors_there_is_a_head_for_them(tmp_path: Path) -> None:
    content = train(rows(), seed=1, embed=embed, scratch=True)
    assert set(content["heads"]) == set(content["curves"]) == {"learned", "learned+embedding"}
    assert content["heads"]["learned+embedding"]["vector"][0] < 0
    assert set(parse(jsonio.dumps(content)).heads) == set(content["heads"])
    assert "learned+embedding" not in train(rows(), seed=1)["heads"]


def test_a_few_rows_adapt_the_shipped_weights_and_do_not_replace_them(tmp_path: Path) -> None:
    few, many = (
        Scorer("learned", saved(train(rows(count), seed=1), tmp_path / f"{count}.json")) for count in (60, 600)
    )
    shipped = Scorer("learned")
    hard = HARD[1].format(2)
    assert p_of(shipped, hard) > p_of(few, hard) > p_of(many, hard)
    assert p_of(few, "hi") == pytest.approx(p_of(shipped, "hi"), abs=0.05)


def test_what_benchmarks_do_not_vary_keeps_its_sign() -> None:
    """Even where the rows say that long questions are easier."""
    turned = [{**row, "weak_correct": row["strong_correct"], "strong_correct": row["weak_correct"]} for row in rows()]
    turned = [{**row, "weak_correct": not row["weak_correct"]} for row in turned]
    learnt = train(turned, seed=1, scratch=True)["heads"]["learned"]["terms"]
    assert all(weight < 0 for name, weight in learnt.items() if name in STRUCTURE)
    assert all(weight > 0 for name, weight in learnt.items() if name in EASIER)


def test_rules_are_round_and_signed() -> None:
    head = train_rules(rows(), seed=1)["heads"]["rules"]
    assert "choice" not in head and "vector" not in head
    for name, weight in head["terms"].items():
        assert weight * 20 == pytest.approx(round(weight * 20)), name
        assert weight < 0 or name not in HARDER, name


def test_requests_with_a_tier_are_learnt_from_besides(tmp_path: Path) -> None:
    tiers = [
        {"request": {"messages": [{"role": "user", "content": f"{text} {number}"}]}, "tier": tier, "source": "requests"}
        for number in range(20)
        for text, tier in (("zzz hello", "trivial"), ("qqq, rather long and winding, thing to be done now", "expert"))
    ]
    scorer = Scorer("learned", saved(train([*rows(), *tiers], seed=1, scratch=True), tmp_path / "own.json"))
    assert (
        p_of(scorer, "zzz hello 4") > 0.9 > 0.6 > p_of(scorer, "qqq, rather long and winding, thing to be done now 4")
    )


def test_answers_that_show_more_work_count_as_harder() -> None:
    given = [{**row, "strong_response": "x = 1 " * (1 + number % 5)} for number, row in enumerate(rows(100))]
    targets = targets_of(examples(given))
    work = [number % 5 for number in range(100)]
    assert np.corrcoef(targets, work)[0, 1] > 0.2
    assert targets.mean() == pytest.approx(np.mean([example.gain for example in examples(given)]))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (rows(20), "20 usable rows where at least 50 are needed"),
        ([{**row, "strong_correct": False} for row in rows(100)], "no better than the weak one"),
    ],
)
def test_too_little_to_learn_from_is_told(given: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(WeightsError, match=words):
        train(given, seed=1)


def test_vectors_of_another_shape_are_told() -> None:
    with pytest.raises(WeightsError, match="embeddings of shape"):
        train(rows(), seed=1, embed=lambda texts: np.zeros((len(texts), 3)))
