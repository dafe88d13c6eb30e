import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("scipy")

from tailrace_plugins.router.scorer.glm import Problem, fit, predict  # noqa: E402


def made(targets: list[float], penalty: float = 0.0, start: float = 0.0, high: float = np.inf) -> Problem:
    """Two groups of rows: an indicator of the second, and a constant."""
    half = len(targets) // 2
    columns = np.column_stack([[0.0] * half + [1.0] * half, np.ones(2 * half)])
    return Problem(
        columns,
        np.array(targets),
        np.ones(2 * half),
        np.array([penalty, 0.0]),
        np.array([start, 0.0]),
        np.array([-np.inf, -np.inf]),
        np.array([high, np.inf]),
    )


def test_predictions_have_the_mean_of_the_targets() -> None:
    problem = made([1, 0, 0, 0, 1, 1, 1, 0])
    p = predict(problem.columns, fit(problem))
    assert p[0] == pytest.approx(0.25, abs=1e-3)
    assert p[-1] == pytest.approx(0.75, abs=1e-3)


def test_targets_may_lie_beyond_one() -> None:
    problem = made([0, 0, 1, 2, 1, 1, 1, 0])
    assert predict(problem.columns, fit(problem))[0] == pytest.approx(0.75, abs=1e-3)


def test_penalties_draw_to_the_start_and_bounds_hold() -> None:
    targets = [1.0, 0, 0, 0, 1, 1, 1, 0]
    assert fit(made(targets, penalty=1e4, start=0.7))[0] == pytest.approx(0.7, abs=1e-2)
    assert fit(made(targets, high=0.0))[0] == 0.0
