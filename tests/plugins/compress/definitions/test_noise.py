import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire import jsonio
from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.definitions import without_noise


def tool(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "search", "description": "Search it.", "input_schema": schema, **more}


def cleared(schema: dict[str, Any], **more: Any) -> Any:
    (made,) = without_noise("messages", [tool(schema, **more)])
    return made["input_schema"]


def prop(name: str, schema: dict[str, Any], required: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "properties": {name: schema}}
    return {**made, "required": [name]} if required else made


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        ({"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"}, {"type": "object"}),
        ({"type": "object", "$id": "https://a/b"}, {"type": "object"}),
        ({"type": "object", "title": "SearchArguments"}, {"type": "object"}),
        ({"type": "object", "title": "Search"}, {"type": "object"}),
        ({"type": "object", "description": "Search it."}, {"type": "object"}),
        ({"type": "object", "required": []}, {"type": "object"}),
        (prop("order_id", {"type": "string", "title": "Order Id"}), prop("order_id", {"type": "string"})),
        (prop("orderId", {"type": "string", "description": "The order ID."}), prop("orderId", {"type": "string"})),
        (prop("a", {"type": "string", "description": " "}), prop("a", {"type": "string"})),
        (prop("a", {"type": "string", "default": None}), prop("a", {"type": "string"})),
        (prop("a", {"enum": ["x", "y"], "examples": ["y"]}), prop("a", {"enum": ["x", "y"]})),
        (prop("a", {"type": "array", "uniqueItems": False, "minItems": 0}), prop("a", {"type": "array"})),
        (
            prop("a", {"type": "integer", "minimum": -(2**53 - 1), "maximum": 2**53 - 1}),
            prop("a", {"type": "integer"}),
        ),
        ({**prop("a", {"type": "string"}), "additionalProperties": False}, prop("a", {"type": "string"})),
        ({"type": "object", "$defs": {"A": {"type": "string", "$ref": "#/$defs/B"}, "B": {}}}, {"type": "object"}),
        (
            {"$ref": "#/$defs/A", "$defs": {"A": {"items": {"$ref": "#/$defs/B"}}, "B": {}, "C": {}}},
            {"$ref": "#/$defs/A", "$defs": {"A": {"items": {"$ref": "#/$defs/B"}}, "B": {}}},
        ),
    ],
)
def test_noise(schema: dict[str, Any], made: dict[str, Any]) -> None:
    before = copy.deepcopy(schema)
    assert cleared(schema) == made
    assert schema == before


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (prop("title", {"type": "string"}), "a property called so"),
        (prop("default", {"type": "null"}), "a property called so"),
        (prop("required", {"type": "array"}), "a property called so"),
        (prop("a", {"enum": [{"title": "a", "default": None}]}), "a value"),
        (prop("a", {"const": {"required": []}}), "a value"),
        (prop("a", {"default": {"title": "a", "properties": {"x": {"title": "x"}}}}), "a value"),
        (prop("a", {"title": "Order number"}), "a title of its own"),
        (prop("a", {"type": "string", "description": "ab"}), "words of its own"),
        (prop("a", {"description": ""}), "nothing would be left"),
        (prop("a", {"type": "null", "default": None}, required=True), "it must be given"),
        (prop("a", {"type": "string", "default": ""}), "another default"),
        (prop("a", {"type": "boolean", "default": False}), "another default"),
        (prop("a", {"type": "array", "minItems": False}), "not 0 in JSON"),
        (prop("a", {"type": "integer", "minimum": 0, "maximum": 2**53}), "bounds"),
        (prop("a", {"type": "number", "maximum": 2**53 - 1}), "no integer"),
        (prop("a", {"enum": ["x"], "examples": ["x", "y"]}), "another example"),
        (prop("a", {"enum": [1], "examples": [True]}), "True is not 1"),
        ({"type": "object", "properties": {}, "additionalProperties": False}, "no arguments at all"),
        ({"anyOf": [{**prop("a", {"type": "string"}), "additionalProperties": False}]}, "it tells two apart"),
        ({"type": "object", "$id": "https://a/b", "items": {"$ref": "c.json"}}, "a reference resolved by it"),
        ({"$ref": "https://a/b", "$defs": {"A": {"$id": "https://a/b"}}}, "a reference elsewhere"),
        ({"$ref": "#x", "$defs": {"A": {"$anchor": "x"}}}, "an anchor"),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {}}}, "an escaped pointer"),
        ({"discriminator": {"mapping": {"a": "#/$defs/A"}}, "$defs": {"A": {}}}, "a mapping"),
        ({"$ref": "#/definitions/A/items", "definitions": {"A": {"items": {}}}}, "a pointer into it"),
    ],
)
def test_what_says_something_stays(schema: dict[str, Any], why: str) -> None:
    given = tool(schema)
    assert without_noise("messages", [given])[0] is given, why


def test_strict_tools_keep_what_is_checked() -> None:
    inner = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    schema = {"type": "object", "properties": {"a": inner}, "required": ["a"], "additionalProperties": False}
    assert cleared({**schema, "$schema": "x"}, strict=True) == schema
    responses = {"type": "function", "name": "search", "parameters": schema}
    assert without_noise("responses", [responses])[0] is responses
    loose = {**responses, "strict": False}
    assert without_noise("responses", [loose])[0]["parameters"]["required"] == ["a"]
    assert "additionalProperties" not in without_noise("responses", [loose])[0]["parameters"]


@pytest.mark.parametrize(
    ("shape", "given"),
    [
        ("chat", {"type": "custom", "custom": {"name": "a", "$schema": "x"}}),
        ("messages", {"type": "bash_20250124", "name": "bash", "input_schema": {"$schema": "x", "type": "object"}}),
        ("responses", {"type": "mcp", "parameters": {"$schema": "x"}}),
        ("chat", None),
        ("chat", {"type": "function", "function": {"name": "a", "parameters": [1]}}),
    ],
)
def test_other_tools_stay(shape: Shape, given: Any) -> None:
    assert without_noise(shape, [given])[0] is given


def test_all_else_stays_in_its_order() -> None:
    given = tool({"type": "object", "title": "Search", "x-y": 1}, cache_control={"type": "ephemeral"}, other=[2])
    (made,) = without_noise("messages", [given])
    assert jsonio.dumps(made) == jsonio.dumps({**given, "input_schema": {"type": "object", "x-y": 1}})


def test_hostile_depth() -> None:
    deep: dict[str, Any] = {"$schema": "x"}
    for _ in range(5_000):
        deep = {"items": deep, "title": "search"}
    given = tool(deep)
    assert without_noise("messages", [given])[0] is given
    deep = tool({"type": "object", "const": deep})
    assert without_noise("messages", [deep])[0] is deep


KEYS = st.sampled_from(
    ["title", "default", "required", "properties", "$defs", "$ref", "$id", "enum", "examples", "items", "anyOf", "a", "type",
     "additionalProperties", "description", "minItems", "minimum", "definitions", "search"]
)  # fmt: skip
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 1) | KEYS | st.just("#/$defs/a"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)


@given(st.dictionaries(KEYS, ANY, max_size=6), st.booleans())
def test_whatever_it_is_given(schema: dict[str, Any], strict: bool) -> None:
    given = tool(schema, strict=strict)
    before = jsonio.dumps(given)
    (made,) = without_noise("messages", [given])
    assert jsonio.dumps(given) == before
    assert len(jsonio.dumps(made)) <= len(before)
    assert jsonio.dumps(without_noise("messages", [given])[0]) == jsonio.dumps(made)
    assert {**made, "input_schema": 0} == {**given, "input_schema": 0}
