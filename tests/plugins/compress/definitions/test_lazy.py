from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire import jsonio
from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.definitions import Catalogue, catalogue
from tailrace_plugins.compress.hidden.nouns import Call

SCHEMA = {"type": "object", "properties": {"path": {"type": "string", "description": "Where it is, as a path."}}}
NAMES = ("read_file", "write_file", "list_files", "moveFile")
MARK = {"type": "ephemeral"}


def few(text: str) -> int:
    """About the tokens of a text."""
    return len(text) // 4


def tool(shape: Shape, name: str, **more: Any) -> dict[str, Any]:
    description = f"Does {name} well. And much more than that."
    if shape == "messages":
        return {"name": name, "description": description, "input_schema": SCHEMA, **more}
    inner = {"name": name, "description": description, "parameters": SCHEMA}
    if shape == "chat":
        return {"type": "function", "function": inner, **more}
    return {"type": "function", **inner, **more}


def tools(shape: Shape = "messages") -> list[dict[str, Any]]:
    return [tool(shape, name) for name in NAMES]


def made(shape: Shape = "messages", *more: Any, **options: Any) -> Catalogue:
    found = catalogue(shape, [*tools(shape), *more], few, **options)
    assert found is not None
    return found


def ask(arguments: Any, *, loaded: Any = ()) -> Any:
    text = arguments if isinstance(arguments, str) else jsonio.dumps(arguments).decode()
    return made().answer(Call("1", "load_tools", text), loaded)


@pytest.mark.parametrize("shape", ["chat", "responses", "messages"])
def test_a_line_each(shape: Shape) -> None:
    found = made(shape)
    assert list(found.lazy) == list(NAMES) and found.kept == ()
    assert found.tool.name == "load_tools"
    assert found.tool.description.split("\n")[1:] == [f"{name}: Does {name} well." for name in NAMES]
    (asks,) = found.with_loaded()
    inner = asks["function"] if shape == "chat" else asks
    assert inner["name"] == "load_tools" and inner["description"] == found.tool.description
    assert inner["input_schema" if shape == "messages" else "parameters"] == {
        "type": "object",
        "properties": {"names": {"type": "array", "items": {"type": "string"}}},
        "required": ["names"],
    }


def test_the_prefix_only_grows_at_its_end() -> None:
    found = made("messages", {"type": "bash_20250124", "name": "bash"})
    before = found.with_loaded()
    names: list[str] = []
    for name in ("moveFile", "read_file", "write_file"):
        names.append(name)
        after = found.with_loaded(names)
        assert after[: len(before)] == before and after[-1] == tool("messages", name)
        before = after
    assert found.with_loaded([*names, "read_file", "unknown"]) == before


def test_the_same_again_for_the_next_request() -> None:
    assert jsonio.dumps(made().with_loaded(["read_file"])) == jsonio.dumps(made().with_loaded(["read_file"]))


@pytest.mark.parametrize(
    ("kept", "options"),
    [
        (["write_file"], {"called": {"write_file", "unknown"}}),
        (["write_file"], {"choice": {"type": "tool", "name": "write_file"}}),
        (["write_file"], {"choice": {"type": "function", "function": {"name": "write_file"}}}),
        (["write_file"], {"choice": {"type": "function", "name": "write_file"}}),
        ([], {"choice": "required"}),
        ([], {"choice": {"type": "any"}}),
    ],
)
def test_what_is_always_defined(kept: list[str], options: dict[str, Any]) -> None:
    found = made(**options)
    assert [one["name"] for one in found.kept] == kept
    assert list(found.lazy) == [name for name in NAMES if name not in kept]
    assert not [name for name in kept if f"\n{name}:" in found.tool.description]


@pytest.mark.parametrize(
    "one",
    [
        {"type": "web_search_20250305", "name": "web_search", "description": "x" * 500},
        {"name": "tiny", "input_schema": {}},
        {**tool("messages", "deferred"), "defer_loading": True},
        {"no": "tool", "x": "x" * 500},
        "text",
    ],
)
def test_what_stays_as_it_is(one: Any) -> None:
    found = made("messages", one)
    assert len(found.kept) == 1 and found.kept[0] is one and len(found.lazy) == len(NAMES)


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ([], None),
        (tools()[:1], None),
        ([*tools(), tool("messages", "load_tools")], None),
        ([*tools(), tools()[0]], None),
        (tools(), {"type": "allowed_tools", "mode": "auto", "tools": []}),
        ([{"name": name, "input_schema": {}} for name in NAMES], None),
    ],
)
def test_nothing_to_load(given: list[Any], choice: Any) -> None:
    assert catalogue("messages", given, few, choice=choice) is None


def test_the_mark_of_the_prefix_moves_to_its_end() -> None:
    web = {"type": "web_search_20250305", "name": "web_search", "cache_control": MARK}
    given = [web, *tools()[:3], {**tools()[3], "cache_control": MARK}]
    found = catalogue("messages", given, few)
    assert found is not None
    sent = found.with_loaded(["moveFile"])
    assert sent == [web, {**found.with_loaded()[1], "cache_control": MARK}, tools()[3]]
    assert found.answer(Call("1", "load_tools", '{"names": ["moveFile"]}')).tools == (tools()[3],)
    # Of a tool that stays too: `load_tools` stands behind it.
    found = catalogue("messages", [*tools(), web], few)
    assert found is not None
    sent = found.with_loaded()
    assert [one.get("cache_control") for one in sent] == [None, MARK] and web["cache_control"] == MARK


def test_loading() -> None:
    answered = ask({"names": ["moveFile", "read_file", "moveFile"]})
    assert answered.tools == (tool("messages", "moveFile"), tool("messages", "read_file"))
    assert answered.text == "Loaded: moveFile, read_file. Call them as needed."


@pytest.mark.parametrize(
    "arguments", [{"names": "read_file, list_files"}, ["read_file", "list_files"], '"read_file,list_files"']
)
def test_other_ways_to_ask(arguments: Any) -> None:
    assert [one["name"] for one in ask(arguments).tools] == ["read_file", "list_files"]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["read_fil"], "There is no tool read_fil. Did you mean read_file?"),
        (["MOVEFILE"], "There is no tool MOVEFILE. Did you mean moveFile?"),
        (["zzz"], "There is no tool zzz."),
        (["x" * 500], f"There is no tool {'x' * 128}."),
        (["bad", "read_file"], "Loaded: read_file. Call them as needed. There is no tool bad."),
    ],
)
def test_unknown_names(names: list[str], text: str) -> None:
    assert ask({"names": names}).text == text


@pytest.mark.parametrize("arguments", ["", "{", "null", "[]", '{"names": []}', '{"names": 1}', '{"names": [1, ""]}'])
def test_arguments_that_are_not_understood(arguments: str) -> None:
    answered = ask(arguments)
    assert not answered.tools
    assert answered.text == 'Nothing loaded: the arguments must be JSON such as {"names": ["read_file"]}.'


def test_what_is_there_is_not_given_again() -> None:
    answered = ask({"names": ["read_file"]}, loaded=["read_file"])
    assert answered.text == "Already defined: read_file." and not answered.tools
    found = made("messages", called={"write_file"})
    answered = found.answer(Call("1", "load_tools", '{"names": ["write_file"]}'))
    assert answered.text == "Already defined: write_file." and not answered.tools


def test_a_call_of_many_names_is_answered_in_bounds() -> None:
    answered = ask({"names": [f"n{number}" for number in range(10_000)]})
    assert len(answered.text) < 1_000


@given(
    st.text(max_size=60)
    | st.recursive(st.none() | st.text(max_size=9), st.lists).map(lambda v: jsonio.dumps(v).decode())
)
def test_any_arguments_are_answered(arguments: str) -> None:
    assert made().answer(Call("1", "load_tools", arguments)).text
