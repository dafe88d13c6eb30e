"""Learns the weights from outcomes. Needs numpy, scipy and scikit-learn (the `semantic` extra brings them).

One model in logit space: p is fitted to 1 - gain, the share of requests at which the strong model's answer was no
better. Terms have weights for all questions and a second set for those with options, and so have the components of the
embedding, which are learnt together with terms' weights of their own. Penalties draw each weight to 0, or to the
shipped weights, so that a few hundred rows of one's own adapt the scorer and do not replace it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import sklearn
from sklearn.model_selection import GroupKFold

from tailrace_plugins.router.scorer import glm, measure
from tailrace_plugins.router.scorer.examples import TIERS, Example, examples
from tailrace_plugins.router.scorer.glm import Array
from tailrace_plugins.router.scorer.heads import EMBEDDING_SIZE, Head
from tailrace_plugins.router.scorer.terms import EASIER, HARDER, STRUCTURE, terms
from tailrace_plugins.router.scorer.weights import FORMAT, VERSION, Weights, WeightsError, shipped

Embed = Callable[[list[str]], Any]
"""From texts to their unit vectors, a row each."""

_PENALTY: Final = 48.0
"""On the square of a weight (of a term with spread 1), in rows: that many rows' worth of doubt."""
_CHOICE_PENALTY: Final = 3.0
"""How much stronger it is for what questions with options have besides."""
_VECTOR_PENALTY: Final = 0.3
_LEAST_SPREAD: Final = 0.15
_WORK: Final = (0.40, 0.20, 0.05, 0.05, 0.30)
"""By tier: its share in the traffic that the curve is for, weighed by size: much chat, and a few long, hard tasks."""
_JUDGED: Final = 7_500.0
"""Rows' worth of all requests with a tier, however many there are."""
_SHOWN: Final = 0.75
_SLOPE: Final = 0.12
"""By how much the gain rises with one standard deviation of the work that an answer shows, on GSM8K."""
_FOLDS: Final = 5
_FEWEST: Final = 50
_FEWEST_TOLD: Final = 40
"""Rows of a source: fewer have no figure, since its interval would say nothing."""
_STEP: Final = 0.05
"""To which the weights of the rules are rounded."""


@dataclass(frozen=True, slots=True)
class Table:
    """The examples as columns."""

    names: tuple[str, ...]
    values: Array
    spread: Array
    options: Array
    vectors: Array | None
    gains: Array
    targets: Array
    """What is learnt in place of the gains: see `targets_of`."""
    weights: Array
    work: Array
    groups: tuple[str, ...]


def train(
    rows: Iterable[Mapping[str, Any]],
    *,
    seed: int,
    embed: Embed | None = None,
    start: Weights | None = None,
    scratch: bool = False,
    statement: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of a weights file of mode `learned`, ready for `jsonio.dumps`. Deterministic.

    Drawn to the weights of `start`, by default the shipped ones; from nothing where `scratch`. Without `embed` there is
    no head for embeddings. Raises `WeightsError` for fewer than 50 usable rows, or if the strong model is no better.
    """
    found = usable(rows)
    prior = None if scratch else start or shipped("learned")
    table = tabulated(found, embed, prior)
    modes = ["learned"] + (["learned+embedding"] if table.vectors is not None else [])
    heads, curves, figures = {}, {}, {}
    for mode in modes:
        base = prior.heads.get(mode) if prior is not None else None
        heads[mode] = _told(table, _fitted(table, mode, base), mode)
        p = left_out(table, mode, base, seed)
        curves[mode] = measure.curve(p, table.gains, table.work)
        figures[mode] = figures_of(found, p, table.gains, seed)
    return _file(heads, curves, table, _stated(found, figures, seed, statement))


def train_rules(
    rows: Iterable[Mapping[str, Any]], *, seed: int, statement: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The content of a weights file of mode `rules`: one weight a term, of the sign that its name says, rounded."""
    found = usable(rows)
    table = tabulated(found, None, None)
    fitted = _rounded(table, _fitted(table, "rules", None))
    p = left_out(table, "rules", None, seed)
    figures = {"rules": figures_of(found, p, table.gains, seed)}
    curves = {"rules": measure.curve(p, table.gains, table.work)}
    return _file({"rules": _told(table, fitted, "rules")}, curves, table, _stated(found, figures, seed, statement))


def usable(rows: Iterable[Mapping[str, Any]]) -> list[Example]:
    """The examples of the rows, if there are enough of them to learn from."""
    found = examples(rows)
    if len(found) < _FEWEST:
        raise WeightsError(f"{len(found)} usable rows where at least {_FEWEST} are needed")
    if sum(example.gain for example in found) <= 0:
        raise WeightsError("the strong model is no better than the weak one on these rows: nothing to route by")
    return found


def tabulated(found: Sequence[Example], embed: Embed | None, prior: Weights | None) -> Table:
    """The examples as columns, with the vectors of their questions if they can be had."""
    rows = [terms(example.features) for example in found]
    names = tuple(rows[0])
    values = np.array([[row[name] for name in names] for row in rows], dtype=np.float64)
    vectors = None
    if embed is not None:
        vectors = np.asarray(embed([example.features.question for example in found]), dtype=np.float64)
        if vectors.shape != (len(found), EMBEDDING_SIZE):
            raise WeightsError(f"embeddings of shape {vectors.shape} where {(len(found), EMBEDDING_SIZE)} belong")
    weights = _row_weights(found)
    spread = _spread(values, weights)
    if prior is not None and prior.scale:
        spread = np.array([prior.scale.get(name, own) for name, own in zip(names, spread, strict=True)])
    return Table(
        names,
        values,
        spread,
        values[:, names.index("options")],
        vectors,
        np.array([example.gain for example in found]),
        targets_of(found),
        weights,
        _work(found),
        tuple(example.group for example in found),
    )


def targets_of(found: Sequence[Example]) -> Array:
    """The gains; where the strong model's answers are known, three quarters of them by how much work those show.

    Whether two models differ on one question is mostly chance, how long an answer is and how many equations it has is
    not: on GSM8K (left-out rows) that raised APGR from 0.609 to 0.620.
    """
    targets = np.array([example.gain for example in found])
    for source in {example.source for example in found if example.answer}:
        at = np.array([place for place, row in enumerate(found) if row.source == source and row.answer])
        if len(at) >= _FEWEST:
            length = np.log([len(found[place].answer) for place in at])
            steps = np.log1p([found[place].answer.count("=") for place in at])
            shown = _standard(_standard(length) + _standard(steps))
            targets[at] = (1 - _SHOWN) * targets[at] + _SHOWN * (targets[at].mean() + _SLOPE * shown)
    return targets


def _standard(values: Array) -> Array:
    return np.asarray((values - values.mean()) / max(1e-9, float(values.std())))


def left_out(table: Table, mode: str, base: Head | None, seed: int) -> Array:
    """For each example the p of a model that did not learn from it, nor from one that differs in numbers alone."""
    p = np.zeros(len(table.gains))
    folds = min(_FOLDS, len(set(table.groups)))
    for learnt, held in GroupKFold(folds, shuffle=True, random_state=seed).split(table.values, groups=table.groups):
        values = _fitted(table, mode, base, learnt)
        if mode == "rules":
            values = _rounded(table, values)
        p[held] = glm.predict(_columns(table, mode)[held], values)
    return p


def figures_of(found: Sequence[Example], p: Array, gains: Array, seed: int) -> dict[str, Any]:
    """APGR with its 95% interval for each source of outcomes with gain; the rank agreement with tiers set by people."""
    told: dict[str, Any] = {}
    sources = np.array([example.source for example in found])
    judged = np.array([example.tier is not None for example in found])
    for source in sorted(set(sources[~judged])):
        at = (sources == source) & ~judged
        if at.sum() >= _FEWEST_TOLD and gains[at].sum() > 0:
            low, high = measure.interval(p[at], gains[at], seed)
            apgr = measure.apgr(p[at], gains[at])
            told[str(source)] = {
                "rows": int(at.sum()),
                "apgr": round(apgr, 4),
                "interval": [round(low, 4), round(high, 4)],
            }
    return told


def _columns(table: Table, mode: str) -> Array:
    scaled = table.values / table.spread
    blocks = [scaled]
    if mode != "rules":
        blocks.append(scaled * table.options[:, None])
    if mode.endswith("+embedding") and table.vectors is not None:
        blocks += [table.vectors, table.vectors * (table.options == 0)[:, None]]
    return np.hstack([*blocks, np.ones((len(scaled), 1))])


def _fitted(table: Table, mode: str, base: Head | None, rows: Any = None) -> Array:
    """The weights over `_columns`; of `rows` alone where given."""
    columns, targets, weights = _columns(table, mode), 1.0 - table.targets, table.weights
    if rows is not None:
        columns, targets, weights = columns[rows], targets[rows], weights[rows]
    count, width = len(table.names), columns.shape[1]
    penalties = np.full(width, _PENALTY)
    if mode != "rules":
        penalties[count : 2 * count] *= _CHOICE_PENALTY
        penalties[2 * count :] *= _VECTOR_PENALTY
    penalties[-1] = 1e-2
    low, high = np.full(width, -np.inf), np.full(width, np.inf)
    for at, name in enumerate(table.names):
        if name in (HARDER if mode == "rules" else STRUCTURE):
            high[at] = 0.0
        if name in EASIER:
            low[at] = 0.0
    start = np.zeros(width) if base is None else _flat(table, base, width)
    total = weights.sum()
    return glm.fit(glm.Problem(columns, targets, weights, penalties / total, start, low, high))


def _flat(table: Table, head: Head, width: int) -> Array:
    """A head as the weights over `_columns`."""
    own = [head.terms.get(name, 0.0) * spread for name, spread in zip(table.names, table.spread, strict=True)]
    chosen = [head.choice.get(name, 0.0) * spread for name, spread in zip(table.names, table.spread, strict=True)]
    values = np.zeros(width)
    opened = [mine - shared for mine, shared in zip(head.vector, head.choice_vector, strict=True)]
    flat = [*own, *chosen, *head.choice_vector, *opened]
    values[: len(flat)] = flat
    values[-1] = head.bias
    return values


def _rounded(table: Table, values: Array) -> Array:
    """Weights of the terms to the next twentieth; the bias makes up for what that shifts on average."""
    count = len(table.names)
    rounded = values.copy()
    raw = np.round(values[:count] / table.spread / _STEP) * _STEP
    rounded[:count] = raw * table.spread
    mean = np.average(_columns(table, "rules")[:, :count], axis=0, weights=table.weights)
    rounded[-1] = round(float(values[-1] + mean @ (values[:count] - rounded[:count])), 2)
    return rounded


def _told(table: Table, values: Array, mode: str) -> dict[str, Any]:
    """A head as it stands in the file, without the weights that are 0."""
    count = len(table.names)
    digits = 2 if mode == "rules" else 5

    def named(flat: Array) -> dict[str, float]:
        raw = {name: round(float(value), digits) for name, value in zip(table.names, flat / table.spread, strict=True)}
        return {name: value for name, value in raw.items() if value}

    head: dict[str, Any] = {"bias": round(float(values[-1]), digits), "terms": named(values[:count])}
    if mode != "rules":
        head["choice"] = named(values[count : 2 * count])
    if mode.endswith("+embedding"):
        shared, opened = np.split(values[2 * count : -1], 2)
        head["vector"] = np.round(shared + opened, 4).tolist()
        head["choice_vector"] = np.round(shared, 4).tolist()
    return head


def _file(heads: dict[str, Any], curves: dict[str, Any], table: Table, statement: dict[str, Any]) -> dict[str, Any]:
    scale = {name: round(float(spread), 5) for name, spread in zip(table.names, table.spread, strict=True)}
    return {
        "format": FORMAT,
        "version": VERSION,
        "statement": statement,
        "heads": heads,
        "curves": curves,
        "scale": scale,
    }


def _stated(
    found: Sequence[Example], figures: dict[str, Any], seed: int, given: Mapping[str, Any] | None
) -> dict[str, Any]:
    sources: dict[str, int] = {}
    for example in found:
        sources[example.source] = sources.get(example.source, 0) + 1
    return {
        **(given or {}),
        "rows": sources,
        "seed": seed,
        "made": datetime.now(UTC).date().isoformat(),
        "scikit_learn": sklearn.__version__,
        "numpy": np.__version__,
        "figures": f"APGR of predictions for rows left out ({_FOLDS} folds), with 95% bootstrap intervals",
        "apgr": figures,
    }


def _row_weights(found: Sequence[Example]) -> Array:
    """The rows' own weights; those of requests with a tier are brought to `_JUDGED` in all, the same for each tier."""
    weights = np.array([example.weight for example in found])
    judged = [example.tier for example in found if example.tier is not None]
    if len(judged) < len(found):
        for at, example in enumerate(found):
            if example.tier is not None:
                weights[at] = _JUDGED / len(set(judged)) / judged.count(example.tier)
    return weights


def _work(found: Sequence[Example]) -> Array:
    """Weights for the curve: requests with a tier alone where there are some, by the work that each tier makes."""
    judged = [example.tier for example in found if example.tier is not None]
    if not judged:
        return np.array([example.weight for example in found])
    each = [_WORK[tier] / max(1, judged.count(tier)) for tier in range(len(TIERS))]
    return np.array([0.0 if example.tier is None else each[example.tier] for example in found])


def _spread(values: Array, weights: Array) -> Array:
    mean = np.average(values, axis=0, weights=weights)
    return np.maximum(np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights)), _LEAST_SPREAD)
