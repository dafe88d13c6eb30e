"""Whether a JSON value can be what a JSON Schema describes, as far as a few of its words tell. Pure.

`type`, `required`, `properties`, `items`, `enum` and `const` are looked at, everything else passes: a value found wrong
here is wrong, one found right may not be. A full validator would be a dependency for an answer that the provider's own
grammar has mostly forced already.
"""

from collections.abc import Mapping
from typing import Any, Final

_DEEPEST: Final = 32
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def may_fit(value: Any, schema: Any, depth: int = 0) -> bool:
    """False where `value` breaks one of the rules looked at. What is no schema is no rule."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return True
    if not _type_fits(value, schema.get("type")):
        return False
    if isinstance(enum := schema.get("enum"), list) and value not in enum:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if type(value) is dict:
        required = schema.get("required")
        if isinstance(required, list) and any(isinstance(name, str) and name not in value for name in required):
            return False
        properties = schema.get("properties")
        if isinstance(properties, Mapping):
            return all(may_fit(value[name], inner, depth + 1) for name, inner in properties.items() if name in value)
    if type(value) is list and isinstance(items := schema.get("items"), Mapping):
        return all(may_fit(member, items, depth + 1) for member in value)
    return True


def _type_fits(value: Any, wanted: Any) -> bool:
    names = wanted if isinstance(wanted, list) else [wanted]
    known = [_TYPES[name] for name in names if isinstance(name, str) and name in _TYPES]
    if not known or len(known) < len(names):
        return True
    if type(value) is float and value.is_integer() and "integer" in names:
        return True
    return any(type(value) in types for types in known)
