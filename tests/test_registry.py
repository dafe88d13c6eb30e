import sys
import types
from importlib.metadata import EntryPoint

import pytest

from tailrace import registry
from tailrace.plugin import Plugin, PluginSettings, Services
from tailrace.registry import installed, load_class, plan


class BigSettings(PluginSettings):
    size_bytes: int = 5


def kind(named, **attributes):
    return type(named.title(), (Plugin,), {"name": named, **attributes})


@pytest.fixture
def module(monkeypatch):
    """A module whose attributes the entry points name."""
    made = types.ModuleType("made_up_plugins")
    monkeypatch.setitem(sys.modules, "made_up_plugins", made)
    made.big = kind("big", Settings=BigSettings)
    made.low = kind("low", after=frozenset({"big"}))
    made.renamed = kind("other")
    made.number = 7
    made.function = lambda: None

    def entry(name, value=None):
        return EntryPoint(name, value or f"made_up_plugins:{name}", "tailrace.plugins")

    names = [entry(name) for name in ("big", "low", "renamed", "number", "function", "missing_attribute")]
    names += [
        entry("not_there", "no_such_module_of_ours:X"),
        entry("explodes", "explodes:X"),
        entry("torchy", "torchy:X"),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: [e for e in names if e.group == group])
    return made


def told(*entries):
    planned, problems = plan(entries)
    return [str(problem) for problem in problems], [one.plugin.name for one in planned]


def test_a_good_chain(module):
    planned, problems = plan([{"big": {"size_bytes": 7, "deadline_s": 1}}, {"low": None}])
    assert problems == []
    made = planned[0].make(Services())
    assert isinstance(made, module.big)
    assert (made.settings.size_bytes, made.settings.deadline_s) == (7, 1)
    assert planned[1].settings == PluginSettings()


def test_an_unknown_name_and_its_nearest(module):
    assert told({"bgi": None}) == (["plugins[0].bgi: no such plugin is installed; did you mean 'big'?"], [])
    [problem], _ = told({"zzz": None})
    assert problem.startswith("plugins[0].zzz: no such plugin is installed; known: big, explodes,")


def test_settings_are_told_by_their_path(module):
    problems, planned = told({"low": {}}, {"big": {"size_byte": 1, "deadline_s": 0}})
    assert "plugins[1].big.size_byte: unknown key; did you mean 'size_bytes'?" in problems
    assert any(problem.startswith("plugins[1].big.deadline_s: ") for problem in problems)
    assert planned == ["low"]


def test_twice(module):
    assert told({"big": None}, {"low": None}, {"big": {"size_bytes": 1}})[0] == [
        "plugins[2].big: stands in the chain twice"
    ]


def test_a_wrong_order_names_the_line_to_move(module):
    assert told({"low": None}, {"big": None})[0] == [
        "plugins[0].low: must stand below big: move this line down, behind plugins[1]"
    ]
    assert told({"big": None}, {"low": None})[0] == []
    assert told({"low": None})[0] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("number", "made_up_plugins:number is no tailrace Plugin"),
        ("function", "made_up_plugins:function is no tailrace Plugin"),
        ("renamed", "its class is named 'other', its entry point 'renamed': make them equal"),
        ("not_there", "cannot be imported: no module 'no_such_module_of_ours'; is an extra missing"),
        ("missing_attribute", "cannot be imported: AttributeError"),
    ],
)
def test_what_is_no_plugin(module, name, words):
    [problem], planned = told({name: None})
    assert problem.startswith(f"plugins[0].{name}: {words}")
    assert planned == []


def test_a_module_that_fails_while_it_is_imported(module, tmp_path, monkeypatch):
    (tmp_path / "explodes.py").write_text("raise RuntimeError('sk-secret')")
    (tmp_path / "torchy.py").write_text("import a_heavy_library_that_is_not_here")
    monkeypatch.syspath_prepend(tmp_path)
    assert told({"explodes": None})[0] == ["plugins[0].explodes: cannot be imported: RuntimeError"]
    [problem], _ = told({"torchy": None})
    assert "no module 'a_heavy_library_that_is_not_here'" in problem
    assert "pip install 'tailrace[torchy]'" in problem


def test_every_mistake_is_told_at_once(module):
    problems, planned = told({"low": {"x": 1}}, {"number": None}, {"big": None}, {"big": None}, {"nope": None})
    assert len(problems) == 4
    assert planned == ["big"]


def test_only_what_is_listed_is_imported(module, monkeypatch):
    loaded = []
    monkeypatch.setattr(registry, "load_class", lambda entry: loaded.append(entry.name) or load_class(entry))
    assert set(installed()) >= {"big", "explodes"}
    told({"big": None})
    assert loaded == ["big"]


def test_our_own_plugins_come_by_the_same_door():
    planned, problems = plan([{"stream": {"coalesce_ms": 20}}, {"defaults": {"rules": [{"max_tokens_cap": 9}]}}])
    assert problems == []
    assert [one.make(Services()).name for one in planned] == ["stream", "defaults"]
    _, problems = plan([{"stream": {"coalesce": 20}}, {"defaults": {"rules": [{"force": {"model": "x"}}]}}])
    assert [str(problem) for problem in problems] == [
        "plugins[0].stream.coalesce: unknown key; did you mean 'coalesce_ms'?",
        "plugins[1].defaults.rules[0].force: 'model' cannot be set by a rule: it decides where the request goes",
    ]
