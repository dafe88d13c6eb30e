import sys

import pytest

from tailrace_plugins.router.evaluate import plot
from tailrace_plugins.router.evaluate.metrics import Scored, oracle

WEAK, STRONG = [0.0] * 5 + [1.0] * 5, [1.0] * 10


def panel(title="a.jsonl", costs=None, strong=STRONG):
    scored = Scored([float(10 - at) for at in range(10)], WEAK, strong, costs)
    best = Scored(oracle(WEAK, strong), WEAK, strong, costs)
    return plot.Panel(title, scored.metrics(), scored.metrics(), best.metrics())


def test_marks_stand_on_the_curve():
    (one, two) = plot.marks(panel().router)
    assert one == ("CPT50", pytest.approx(25.0), pytest.approx(0.75))
    assert two == ("CPT80", pytest.approx(40.0), pytest.approx(0.9))


def test_marks_in_dollars():
    (one, _) = plot.marks(panel(costs=[(0.001, 0.011)] * 10).router)
    assert one == ("CPT50", pytest.approx(3.5), pytest.approx(0.75))


def test_without_a_gap_nothing_is_marked():
    assert plot.marks(panel(strong=WEAK).router) == []


def test_without_matplotlib_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(plot.CannotDraw, match=r"pip install 'tailrace\[plot\]'"):
        plot.require()
    with pytest.raises(plot.CannotDraw):
        plot.draw([panel()], tmp_path / "a.png")


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_picture(tmp_path, count):
    pytest.importorskip("matplotlib")
    target = tmp_path / "a.png"
    plot.draw([panel(), panel(costs=[(1.0, 2.0)] * 10), panel(strong=WEAK), panel()][:count], target)
    assert target.read_bytes().startswith(b"\x89PNG\r\n")


def test_a_file_that_cannot_be_written(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(plot.CannotDraw, match="No such file or directory"):
        plot.draw([panel()], tmp_path / "nowhere" / "a.png")
