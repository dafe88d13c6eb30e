"""Fits weights in logit space. Needs numpy and scipy, which come with the `semantic` extra."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Problem:
    """What to fit: rows by columns, targets, the weight of each row; for each column a penalty, a start and bounds.

    `targets` are 1 - gain and so may be 2, where the weak model alone was right: the mean of the predictions is fitted
    to the mean of the targets along each column, which is what a logistic regression's score equations say.
    """

    columns: Array
    targets: Array
    weights: Array
    penalties: Array
    start: Array
    low: Array
    high: Array


def fit(problem: Problem) -> Array:
    """The weights by L-BFGS-B; deterministic. Penalties draw towards the start."""
    total = problem.weights.sum()

    def loss(values: Array) -> tuple[float, Array]:
        logits = problem.columns @ values
        p = 1.0 / (1.0 + np.exp(-np.clip(logits, -35.0, 35.0)))
        away = values - problem.start
        cost = problem.weights @ (np.logaddexp(0.0, logits) - problem.targets * logits) / total
        slope = problem.columns.T @ (problem.weights * (p - problem.targets)) / total
        return float(cost + 0.5 * problem.penalties @ away**2), slope + problem.penalties * away

    first = np.clip(problem.start, problem.low, problem.high)
    bounds = list(zip(problem.low, problem.high, strict=True))
    found = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 400})
    return np.asarray(found.x, dtype=np.float64)


def predict(columns: Array, values: Array) -> Array:
    """The probabilities."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(columns @ values, -35.0, 35.0))), dtype=np.float64)
