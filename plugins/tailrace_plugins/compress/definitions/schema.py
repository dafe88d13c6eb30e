"""A walk through a JSON Schema that knows where a schema stands and where a property's name or a value does.

By JSON Schema 2020-12 (core, section 10 and validation), with the older drafts' `definitions` and lists of `items`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_MAPS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords whose values are schemas by name."""
_CHOICES: Final = frozenset({"anyOf", "oneOf", "allOf", "not", "if", "then", "else"})
"""Keywords whose schemas together say what a value is."""
_SCHEMAS: Final = frozenset(
    {
        "items",
        "prefixItems",
        "additionalItems",
        "additionalProperties",
        "contains",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_DEEPEST: Final = 64
_MOST: Final = 20_000
"""Schemas in one definition that are looked at; of one with more nothing is changed."""


class _TooMuch(Exception):
    """Deeper or larger than what is looked at."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a schema stands.

    `name`: the property's or definition's that it describes, the tool's for the outermost, else "". `optional`: a
    property that need not be given. `chosen`: within `anyOf`, `not` and their like.
    """

    name: str
    root: bool = False
    optional: bool = False
    chosen: bool = False


Edit = Callable[[Mapping[str, Any], Place], Mapping[str, Any]]
"""What a schema becomes, those within it already edited. The same object where nothing is changed."""


def edited(schema: Mapping[str, Any], name: str, edit: Edit) -> Mapping[str, Any]:
    """The schema of the tool `name` with `edit` applied to every schema in it, innermost first.

    The same object where nothing was changed, and where it is too deep or too large to look at.
    """
    try:
        made: Mapping[str, Any] = _Walk(edit).schema(schema, Place(name, root=True), 0)
    except _TooMuch:
        return schema
    return made


class _Walk:
    def __init__(self, edit: Edit) -> None:
        self.edit = edit
        self.seen = 0

    def schema(self, schema: Any, place: Place, depth: int) -> Any:
        if type(schema) is not dict:
            return schema
        self.seen += 1
        if depth > _DEEPEST or self.seen > _MOST:
            raise _TooMuch
        changed: dict[str, Any] = {}
        for keyword, value in schema.items():
            made = self._value(keyword, value, schema, place, depth + 1)
            if made is not value:
                changed[keyword] = made
        return self.edit({**schema, **changed} if changed else schema, place)

    def _value(self, keyword: str, value: Any, schema: Mapping[str, Any], place: Place, depth: int) -> Any:
        if keyword in _MAPS and type(value) is dict:
            needed = _names(schema.get("required")) if keyword == "properties" else value.keys()
            return _changed_map(
                value,
                lambda name, within: self.schema(
                    within, Place(name, optional=name not in needed, chosen=place.chosen), depth
                ),
            )
        if keyword in _SCHEMAS or keyword in _CHOICES:
            inner = Place("", chosen=place.chosen or keyword in _CHOICES)
            if type(value) is list:
                made = [self.schema(within, inner, depth) for within in value]
                return made if any(one is not other for one, other in zip(made, value, strict=True)) else value
            return self.schema(value, inner, depth)
        return value


def _changed_map(value: dict[str, Any], change: Callable[[str, Any], Any]) -> dict[str, Any]:
    made = {name: change(name, within) for name, within in value.items()}
    return made if any(made[name] is not value[name] for name in value) else value


def _names(required: Any) -> frozenset[str]:
    return frozenset(name for name in required if isinstance(name, str)) if type(required) is list else frozenset()
