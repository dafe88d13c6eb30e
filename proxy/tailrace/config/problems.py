"""Mistakes in a configuration: all of them at once, each with its key, its place and the nearest right spelling."""

import difflib
import types
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it is in the configuration, and what is wrong there."""

    path: Path
    message: str
    place: str = ""

    def __str__(self) -> str:
        name = dotted(self.path) or "configuration"
        return f"{self.place}: {name}: {self.message}" if self.place else f"{name}: {self.message}"


class ConfigError(Exception):
    """The configuration cannot be used. `problems` has every mistake that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


def dotted(path: Path) -> str:
    """`plugins[2].stream.flush_ms` for a path of keys and positions."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def nearest(wrong: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the known name most like `wrong`, else the names there are, if they are few."""
    names = sorted(known)
    close = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= 16 else ""


def from_validation(error: ValidationError, model: type[BaseModel], prefix: Path = ()) -> list[Problem]:
    """Pydantic's findings in this project's words. Values are never repeated: they may be secrets."""
    problems = []
    for found in error.errors(include_input=False, include_url=False):
        path: Path = tuple(found["loc"])
        if found["type"] == "extra_forbidden":
            message = f"unknown key{nearest(str(path[-1]), _keys_at(model, path[:-1]))}"
        elif found["type"] == "missing":
            message = "is required"
        elif found["type"] in ("value_error", "assertion_error"):
            message = found["msg"].partition(", ")[2] or found["msg"]
        else:
            message = found["msg"][0].lower() + found["msg"][1:]
        problems.append(Problem((*prefix, *path), message))
    return problems


def _keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """The field names of the model that stands at `path` below `model`; none where it is a free mapping."""
    current: Any = model
    for part in path:
        current = _below(current, part)
    while typing.get_origin(current) in (typing.Union, types.UnionType):
        current = typing.get_args(current)[0]
    return list(current.model_fields) if isinstance(current, type) and issubclass(current, BaseModel) else []


def _below(annotation: Any, part: str | int) -> Any:
    """The type one path part below a model, mapping, list or optional one of these."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return _below(typing.get_args(annotation)[0], part)
    if origin in (dict, list):
        return typing.get_args(annotation)[-1]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return field.annotation if field is not None else None
    return None
