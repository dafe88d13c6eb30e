from typing import Any

from tailrace_plugins.compress.definitions.schema import Place, edited


def test_where_schemas_stand() -> None:
    seen: list[tuple[Any, str, bool, bool, bool]] = []

    def look(schema: Any, place: Place) -> Any:
        seen.append((schema.get("mark"), place.name, place.root, place.optional, place.chosen))
        return schema

    schema = {
        "mark": 0,
        "properties": {
            "title": {"mark": 1, "default": {"mark": "value"}, "examples": [{"mark": "value"}]},
            "given": {"mark": 2, "anyOf": [{"mark": 3}, {"mark": 4, "items": {"mark": 5}}]},
        },
        "required": ["given"],
        "enum": [{"mark": "value"}],
        "const": {"properties": {"x": {"mark": "value"}}},
        "$defs": {"D": {"mark": 6}},
        "additionalProperties": {"mark": 7},
        "x-unknown": {"mark": "value"},
    }
    assert edited(schema, "tool", look) is schema
    assert sorted(seen) == [
        (0, "tool", True, False, False),
        (1, "title", False, True, False),
        (2, "given", False, False, False),
        (3, "", False, False, True),
        (4, "", False, False, True),
        (5, "", False, False, True),
        (6, "D", False, False, False),
        (7, "", False, False, False),
    ]


def test_what_is_changed_is_copied_and_nothing_else() -> None:
    schema = {"a": 1, "properties": {"x": {"k": 1}, "y": {"other": [1]}}, "items": [{"k": 1}, {}]}

    def edit(one: Any, place: Place) -> Any:
        return {**one, "k": 2} if "k" in one else one

    made: Any = edited(schema, "", edit)
    assert made == {"a": 1, "properties": {"x": {"k": 2}, "y": {"other": [1]}}, "items": [{"k": 2}, {}]}
    assert list(made) == list(schema)
    assert made["properties"]["y"] is schema["properties"]["y"]  # type: ignore[index]
    assert schema["properties"] == {"x": {"k": 1}, "y": {"other": [1]}}


def test_too_deep_and_too_large_stay() -> None:
    def fail(one: Any, place: Place) -> Any:
        return {}

    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"items": deep}
    assert edited(deep, "", fail) is deep
    large = {"anyOf": [{}] * 30_000}
    assert edited(large, "", fail) is large
