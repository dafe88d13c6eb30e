import io

import pytest
from rich.console import Console

from tailrace_plugins.router.evaluate import bar as module


@pytest.mark.parametrize(("is_terminal", "total", "shows"), [(True, 50, True), (False, 50, False), (True, 0, False)])
def test_it_is_drawn_on_terminals_only(monkeypatch, capsys, is_terminal, total, shows):
    out = io.StringIO()
    monkeypatch.setattr(module, "Console", lambda stderr: Console(file=out, force_terminal=is_terminal, width=80))
    monkeypatch.setattr(module, "_EACH_S", 0.0)
    with module.bar("scoring", total) as tell:
        for _ in range(total):
            tell()
    assert ("scoring" in out.getvalue()) is shows
    assert ("50/50" in out.getvalue()) is shows
    assert capsys.readouterr().out == ""
