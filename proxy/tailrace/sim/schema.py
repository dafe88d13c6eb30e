"""Values that a JSON schema accepts: deterministic, plausible, small."""

from __future__ import annotations

import re
from typing import Any

from .dice import Dice
from .strings import plausible, with_pattern

_DEPTH = 6
_INTEGERS = (1, 2, 3, 5, 10, 20, 42, 100)


def instance(schema: Any, dice: Dice, *, minimal: bool = False, name: str = "", topic: str = "") -> Any:
    """Return a value valid under the schema; `minimal` leaves out what is not required.

    Knows type, enum, const, required, properties, items, prefixItems, anyOf, oneOf, allOf, local $ref, the bounds of
    numbers, strings and arrays, formats, and the common part of patterns. `name` is the property's, `topic` the user's
    words; both only make the value look likely.
    """
    return _Maker(schema, dice, minimal, topic).value(schema, name, 0)


class _Maker:
    def __init__(self, root: Any, dice: Dice, minimal: bool, topic: str) -> None:
        self._root = root
        self._dice = dice
        self._minimal = minimal
        self._topic = topic

    def value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, dict):
            return plausible(name, self._dice, self._topic)
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._dice.pick(schema["enum"])
        kind = _type_of(schema, self._dice)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind == "string":
            return self._string(schema, name)
        if kind == "integer" or kind == "number":
            return self._number(schema, kind)
        if kind == "boolean":
            return bool(self._dice.below(2))
        return None

    def _resolved(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """Follow references and merge combinations until the schema says by itself what it wants."""
        for _ in range(16):
            if isinstance(schema.get("$ref"), str):
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = _merged(self._at(schema["$ref"]), rest)
            elif schema.get("allOf"):
                rest = {key: value for key, value in schema.items() if key != "allOf"}
                for part in schema["allOf"]:
                    rest = _merged(rest, self._resolved(part, depth) if isinstance(part, dict) else {})
                schema = rest
            elif schema.get("anyOf") or schema.get("oneOf"):
                key = "anyOf" if schema.get("anyOf") else "oneOf"
                options = [option for option in schema[key] if isinstance(option, dict)]
                # Deep down the shortest way out ends a recursive schema; it is usually null.
                chosen = min(options, key=lambda option: len(str(option))) if depth >= _DEPTH else options[0]
                schema = _merged({k: v for k, v in schema.items() if k != key}, chosen)
            else:
                break
        return schema

    def _at(self, reference: str) -> dict[str, Any]:
        node: Any = self._root
        for step in reference.lstrip("#").strip("/").split("/"):
            if step:
                step = step.replace("~1", "/").replace("~0", "~")
                node = node.get(step, {}) if isinstance(node, dict) else {}
        return node if isinstance(node, dict) else {}

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = schema.get("required") or []
        made: dict[str, Any] = {}
        for key, sub in properties.items():
            wanted = key in required or (not self._minimal and depth < _DEPTH and self._dice.below(2) == 0)
            if wanted:
                made[key] = self.value(sub, key, depth + 1)
        for key in required:
            if key not in made:
                made[key] = self.value(schema.get("additionalProperties"), key, depth + 1)
        extra = schema.get("additionalProperties")
        while len(made) < schema.get("minProperties", 0):
            made[f"key_{len(made) + 1}"] = self.value(extra, "value", depth + 1)
        return made

    def _array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        most = schema.get("maxItems", max(least, 3))
        wanted = least if self._minimal or depth >= _DEPTH else min(most, max(least, self._dice.between(1, 2)))
        made = [self.value(sub, name, depth + 1) for sub in schema.get("prefixItems", ())[: max(wanted, 1)]]
        items = schema.get("items", {})
        for _ in range(8 * wanted):
            if len(made) >= wanted:
                break
            one = self.value(items, name.removesuffix("s"), depth + 1)
            if not schema.get("uniqueItems") or one not in made:
                made.append(one)
        return made

    def _string(self, schema: dict[str, Any], name: str) -> str:
        if isinstance(schema.get("pattern"), str):
            return with_pattern(schema["pattern"], self._dice)
        text = plausible(str(schema.get("format") or name), self._dice, self._topic)
        least = schema.get("minLength", 0)
        if len(text) < least:
            text = (text + " and so on" * (1 + least // 10))[:least]
        return text[: schema["maxLength"]] if "maxLength" in schema else text

    def _number(self, schema: dict[str, Any], kind: str) -> int | float:
        step = schema.get("multipleOf") or (1 if kind == "integer" else 0.5)
        low, high = schema.get("minimum"), schema.get("maximum")
        above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        if isinstance(above, int | float) and not isinstance(above, bool):
            low = above + (step if kind == "integer" or below is None else min(step, (below - above) / 2))
        if isinstance(below, int | float) and not isinstance(below, bool):
            high = below - (step if kind == "integer" or above is None else min(step, (below - above) / 2))
        value: float = self._dice.pick(_INTEGERS) if kind == "integer" else self._dice.pick(_INTEGERS) / 2
        if schema.get("multipleOf"):
            value = round(value) * step
        if low is not None and value < low:
            value = -(-low // step) * step if schema.get("multipleOf") or kind == "integer" else low
        if high is not None and value > high:
            value = high // step * step if schema.get("multipleOf") or kind == "integer" else high
        return int(value) if kind == "integer" else value


def _type_of(schema: dict[str, Any], dice: Dice) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if any(key in schema for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")):
        return "number"
    return "string"


def _merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return both schemas as one: properties and required add up, anything else the second decides."""
    out = {**base, **more}
    if isinstance(base.get("properties"), dict) and isinstance(more.get("properties"), dict):
        out["properties"] = {**base["properties"], **more["properties"]}
    if base.get("required") and more.get("required"):
        out["required"] = list(dict.fromkeys([*base["required"], *more["required"]]))
    return out


def valid_name(name: str) -> bool:
    """Return whether a tool may be called this (OpenAI's rule for function names)."""
    return re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", name) is not None
