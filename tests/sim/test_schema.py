import pytest

from tailrace.sim.dice import Dice
from tailrace.sim.schema import instance, valid_name

jsonschema = pytest.importorskip("jsonschema")

TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                "parent": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["name", "children", "parent"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
SCHEMAS = {
    "flat": {
        "type": "object",
        "properties": {"path": {"type": "string"}, "limit": {"type": "integer", "minimum": 1, "maximum": 3}},
        "required": ["path"],
        "additionalProperties": False,
    },
    "enum": {"type": "object", "properties": {"unit": {"enum": ["c", "f"]}}, "required": ["unit"]},
    "const": {"type": "object", "properties": {"kind": {"const": 7}}, "required": ["kind"]},
    "nullable": {"type": "object", "properties": {"x": {"type": ["string", "null"]}}, "required": ["x"]},
    "numbers": {
        "type": "object",
        "properties": {
            "a": {"type": "number", "minimum": 0, "maximum": 1},
            "b": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.01},
            "c": {"type": "integer", "multipleOf": 7, "minimum": 50},
            "d": {"type": "integer", "exclusiveMaximum": -4},
            "e": {"type": "number", "multipleOf": 0.25},
            "f": {"type": "integer", "minimum": 1000},
        },
        "required": ["a", "b", "c", "d", "e", "f"],
    },
    "arrays": {
        "type": "object",
        "properties": {
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
            "set": {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 3},
            "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2},
            "deep": {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}, "minItems": 1},
        },
        "required": ["tags", "set", "pair", "deep"],
    },
    "strings": {
        "type": "object",
        "properties": {
            "long": {"type": "string", "minLength": 50},
            "short": {"type": "string", "maxLength": 3},
            "code": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2,4}$"},
            "choice": {"type": "string", "pattern": r"^(?:red|green)_\w+\.txt$"},
            "when": {"type": "string", "format": "date-time"},
        },
        "required": ["long", "short", "code", "choice", "when"],
    },
    "merged": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"type": "boolean"}}, "required": ["b"]},
        ]
    },
    "alternatives": {"oneOf": [{"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}]},
    "recursive": TREE,
    "open": {"type": "object", "required": ["anything"], "minProperties": 3},
    "nothing": {"type": "object", "properties": {}},
}


@pytest.mark.parametrize("minimal", [False, True])
@pytest.mark.parametrize("name", SCHEMAS)
def test_an_instance_is_valid(name, minimal):
    for seed in range(40):
        made = instance(SCHEMAS[name], Dice(seed), minimal=minimal, topic="where do rivers end")
        jsonschema.Draft202012Validator(SCHEMAS[name]).validate(made)


def test_the_same_seed_makes_the_same_instance():
    assert instance(SCHEMAS["strings"], Dice(3)) == instance(SCHEMAS["strings"], Dice(3))


def test_minimal_leaves_out_what_is_not_required():
    assert all(set(instance(SCHEMAS["flat"], Dice(seed), minimal=True)) == {"path"} for seed in range(20))


@pytest.mark.parametrize(("name", "valid"), [("read_file", True), ("a.b-c", True), ("", False), ("two words", False)])
def test_tool_names(name, valid):
    assert valid_name(name) is valid
