import io

import pytest
from rich.console import Console

from tailrace.cli import bar as module


@pytest.mark.parametrize(
    ("is_terminal", "after_s", "shows"), [(True, 0.0, True), (False, 0.0, False), (True, 3600.0, False)]
)
def test_it_is_drawn_on_terminals_and_for_what_takes_long(monkeypatch, capsys, is_terminal, after_s, shows):
    out = io.StringIO()
    monkeypatch.setattr(module, "Console", lambda stderr: Console(file=out, force_terminal=is_terminal, width=80))
    monkeypatch.setattr(module, "_AFTER_S", after_s)
    monkeypatch.setattr(module, "_EACH_S", 0.0)
    with module.bar("replaying", 50) as tell:
        for _ in range(50):
            tell()
    assert ("replaying" in out.getvalue()) is shows
    assert ("50/50" in out.getvalue()) is shows
    assert capsys.readouterr().out == ""


def test_nothing_to_do_shows_nothing(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(module, "Console", lambda stderr: Console(file=out, force_terminal=True, width=80))
    with module.bar("scoring", 0):
        pass
    assert out.getvalue() == ""
