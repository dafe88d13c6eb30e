import pytest

from tailrace_plugins.compress.hidden.stream.calls import Calls

NAMES = frozenset({"expand", "load_tools"})


def d(index=None, id=None, name=None, arguments=None, **more):
    inner = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    outer = {"index": index, "id": id, "function": inner or None}
    return {**{key: value for key, value in outer.items() if value is not None}, **more}


CASES = {
    "the client's alone": ([[d(0, "a", "look", "")], [d(0, arguments="{}")]], "look{}@0", False),
    "hidden alone": ([[d(0, "a", "expand", "")], [d(0, arguments="{}")]], "", True),
    "whole in one chunk": ([[d(0, "a", "expand", "{}"), d(1, "b", "look", "{}")]], "look{}@0", True),
    "hidden first": ([[d(0, "a", "expand", "")], [d(0, arguments="{}")], [d(1, "b", "look", "")], [d(1, arguments="{}")]], "look{}@0", True),
    "hidden last": ([[d(0, "a", "look", "{}")], [d(1, "b", "expand", "{}")]], "look{}@0", True),
    "hidden between": ([[d(0, "a", "look", "{}")], [d(1, "b", "expand", "{}")], [d(2, "c", "see", "{}")]], "look{}@0 see{}@1", True),
    "interleaved": ([[d(0, "a", "expand", "")], [d(1, "b", "look", "")], [d(0, arguments="{")], [d(1, arguments="{")], [d(0, arguments="}")], [d(1, arguments="}")]], "look{}@0", True),
    "a longer name": ([[d(0, "a", "expand_all", "{}")]], "expand_all{}@0", False),
    "a split longer name": ([[d(0, "a", "expand")], [d(0, name="_all", arguments="{}")]], "expand_all{}@0", False),
    "a shorter name": ([[d(0, "a", "exp", "")], [d(0, arguments="{}")]], "exp{}@0", False),
    "a shorter name without arguments": ([[d(0, "a", "exp", "")]], "exp@0", False),
    "a split name": ([[d(0, "a", "exp")], [d(0, name="and")], [d(0, arguments="{}")]], "", True),
    "a split name in more": ([[d(0, "a", "load")], [d(0, name="_to")], [d(0, name="ols", arguments="{}")]], "", True),
    "a late name": ([[d(0, "a")], [d(0, name="expand", arguments="{}")]], "", True),
    "a late name of the client's": ([[d(0, "a")], [d(0, name="look", arguments="{}")]], "look{}@0", False),
    "no index": ([[d(None, "a", "expand", "{")], [d(arguments="}")], [d(None, "b", "look", "{}")]], "look{}@None", True),
    "no index, two at once": ([[d(None, "a", "look", "{}"), d(None, "b", "expand", "{}")]], "look{}@None", True),
    "no index and no id": ([[d(name="expand", arguments="{}"), d(name="look", arguments="{}")]], "look{}@None", True),
    "index used again": ([[d(0, "a", "expand", "{}")], [d(0, "b", "look", "{}")]], "look{}@0", True),
    "index used again, hidden last": ([[d(0, "a", "look", "{}")], [d(0, "b", "expand", "{}")]], "look{}@0", True),
    "name in each delta": ([[d(0, "a", "expand", "{")], [d(0, "a", "expand", "}")]], "", True),
    "two hidden": ([[d(0, "a", "expand", "{}")], [d(1, "b", "load_tools", "{}")]], "", True),
    "custom": ([[{"index": 0, "id": "a", "type": "custom", "custom": {"name": "exp", "input": ""}}]], "exp@0", False),
    "odd": ([["odd", 3, None, {}]], "", False),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_the_client_is_given(name):
    chunks, expected, hides = CASES[name]
    calls = Calls(NAMES)
    given = [one for chunk in chunks for one in calls.take(chunk)] + calls.release()
    told = {}
    for delta in given:
        if not isinstance(delta, dict):
            continue
        inner = delta.get("function") or delta.get("custom") or {}
        place = delta.get("index")
        told[place] = told.get(place, "") + inner.get("name", "") + inner.get("arguments", inner.get("input", ""))
    assert " ".join(f"{text}@{place}" for place, text in told.items() if text) == expected
    assert calls.hides is hides and calls.given == len(expected.split()) + (name == "odd")


def test_without_hidden_calls_the_deltas_are_the_same_objects():
    calls = Calls(NAMES)
    for chunk in ([d(0, "a", "look", "")], [d(0, arguments="{}"), d(2, "b", "see", "{}")], [d(0, "c", "seek", "{}")]):
        assert calls.take(chunk) is chunk
    assert not calls.holds and calls.release() == []
