"""The configuration, described by itself: JSON Schema for editors, and rows for the reference in `docs/`."""

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tailrace.config.models import Config


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting: its dotted key, type in words, default as YAML spells it, and what it does."""

    key: str
    type: str
    default: str
    text: str


def json_schema(plugins: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """The schema of the whole file, with the settings of every plugin given."""
    schema = Config.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    entries = []
    for name, settings in plugins.items():
        part = settings.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}")
        definitions |= {f"{name}.{key}": value for key, value in part.pop("$defs", {}).items()}
        definitions[f"plugin.{name}"] = part
        entry = {"anyOf": [{"$ref": f"#/$defs/plugin.{name}"}, {"type": "null"}]}
        entries.append(
            {"type": "object", "properties": {name: entry}, "required": [name], "additionalProperties": False}
        )
    if entries:
        schema["properties"]["plugins"]["items"] = {"anyOf": entries}
    return {**_as_written(schema), "$schema": "https://json-schema.org/draft/2020-12/schema"}


# pydantic's own words for bounds behind a validator, which are none of JSON Schema's.
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_REFERENCE = {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}$"}


def _as_written(schema: Any) -> Any:
    """The schema of the file as people write it: a number or truth value may also be a `${VARIABLE}`."""
    if isinstance(schema, list):
        return [_as_written(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    fixed = {
        # Under `properties` the keys are the settings' names.
        _BOUNDS.get(key, key): {name: _as_written(part) for name, part in value.items()}
        if key in ("properties", "$defs")
        else _as_written(value)
        for key, value in schema.items()
    }
    if fixed.get("type") in ("number", "integer", "boolean"):
        kept = {key: fixed.pop(key) for key in ("default", "description", "title") if key in fixed}
        return {"anyOf": [fixed, _REFERENCE], **kept}
    return fixed


def setting_rows(model: type[BaseModel], prefix: str = "") -> Iterator[SettingRow]:
    """Every setting of a model, nested ones by their dotted keys; `<name>` stands for a name of the user's choice."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        yield SettingRow(key, _words(field.annotation), _default(field), " ".join((field.description or "").split()))
        inner = _model_in(field.annotation)
        if inner is not None:
            between = ".<name>" if typing.get_origin(field.annotation) is dict else ""
            yield from setting_rows(inner, f"{key}{between}.")


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        if (found := _model_in(argument)) is not None:
            return found
    return None


def _words(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _words(arguments[0])
    if origin is typing.Literal:
        return " | ".join(str(a).lower() if isinstance(a, bool) else str(a) for a in arguments)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(dict.fromkeys(_words(a) for a in arguments if a is not type(None)))
    if origin is dict:
        return f"mapping of {_words(arguments[-1])}"
    if origin in (list, tuple, set, frozenset):
        return f"list of {_words(arguments[0])}"
    names = {str: "text", int: "integer", float: "number", bool: "true | false", SecretStr: "secret", Any: "anything"}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=False) if field.default_factory is None else None
    if field.default_factory is not None:
        return "empty"
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
