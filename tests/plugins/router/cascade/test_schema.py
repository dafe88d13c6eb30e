import pytest

from tailrace_plugins.router.cascade.schema import may_fit

PERSON = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"enum": ["a", "b"]}}},
}


@pytest.mark.parametrize(
    ("value", "schema", "fits"),
    [
        ({"name": "x"}, PERSON, True),
        ({"name": "x", "tags": ["a", "b"], "more": 1}, PERSON, True),
        ({}, PERSON, False),
        ({"name": 1}, PERSON, False),
        ({"name": "x", "tags": ["c"]}, PERSON, False),
        ([], PERSON, False),
        (None, {"type": ["string", "null"]}, True),
        (1.0, {"type": "integer"}, True),
        (1.5, {"type": "integer"}, False),
        (True, {"type": "number"}, False),
        (1, {"const": 2}, False),
        # What is not understood passes.
        ({"a": 1}, {"$ref": "#/x"}, True),
        ("x", {"type": "date"}, True),
        ("x", {"type": 7, "required": 3, "enum": {}, "properties": []}, True),
        ({"a": 1}, {"required": [3], "properties": {"a": 5}}, True),
        ("x", None, True),
        ("x", True, True),
    ],
)
def test_rules(value, schema, fits):
    assert may_fit(value, schema) is fits


def test_depth_is_bounded():
    schema, value = {}, 1
    for _ in range(120):
        schema, value = {"properties": {"a": schema}}, {"a": value}
    assert may_fit(value, schema)
