"""Settings that name a model: they say so by their type, and the name is checked before anything starts."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from tailrace.config.problems import Path, Problem, nearest


class ModelName(str):
    """The type of a setting that names a model as clients may ask for it."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A string that is not empty; written out again it is a plain one."""
        written = core_schema.plain_serializer_function_ser_schema(str.__str__, return_schema=core_schema.str_schema())
        checked = core_schema.str_schema(min_length=1)
        return core_schema.no_info_after_validator_function(cls, checked, serialization=written)


def unknown_models(settings: BaseModel, models: Collection[str], prefix: Path) -> list[Problem]:
    """The mistakes among the models that settings name; none where no models are configured, so that any may be."""
    if not models:
        return []
    return [
        Problem((*prefix, *path), f"no model {name!r} in models{nearest(name, models)}")
        for path, name in _named(settings, ())
        if name not in models
    ]


def _named(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, ModelName):
        yield path, str(value)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _named(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _named(inner, (*path, str(key)))
    elif isinstance(value, (list, tuple)):
        for position, inner in enumerate(value):
            yield from _named(inner, (*path, position))
