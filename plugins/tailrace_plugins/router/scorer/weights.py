"""The file that weights travel in: JSON that says what it is, what it was learnt from, and how good it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from math import isfinite
from pathlib import Path
from typing import Any, Final

from tailrace.wire import jsonio
from tailrace_plugins.router.scorer.curve import Curve, rising
from tailrace_plugins.router.scorer.heads import EMBEDDING_SIZE, Head

FORMAT: Final = "tailrace-router-weights"
VERSION: Final = 1
MODES: Final = ("rules", "learned", "learned+embedding")
_MAX_BYTES: Final = 4_000_000


class WeightsError(ValueError):
    """A file that holds no weights this version can use; the text says why."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What one file holds: a head and a curve for each mode in it, and the statement of what they were made from."""

    heads: Mapping[str, Head]
    curves: Mapping[str, Curve]
    statement: Mapping[str, Any]
    scale: Mapping[str, float]
    """The spread of each term among what was learnt from: what one's own rows are measured by when they add to it."""


def load(path: Path) -> Weights:
    """The weights in a file. Raises `WeightsError`, also for a file that cannot be read."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise WeightsError(f"{path}: larger than weights are")
        return parse(path.read_bytes())
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}") from None
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None


@lru_cache(maxsize=2)
def shipped(mode: str) -> Weights:
    """The weights that come with the package for `rules` or `learned`."""
    name = f"{mode}.json"
    return parse((resources.files(__package__) / "data" / name).read_bytes())


def parse(data: bytes) -> Weights:
    """The weights in the text of a file. Raises `WeightsError`."""
    try:
        given = jsonio.loads_object(data)
    except jsonio.BadJson as error:
        raise WeightsError(f"no JSON object ({error.reason})") from None
    if given.get("format") != FORMAT:
        raise WeightsError(f"no weights of the router (format is not {FORMAT!r})")
    if given.get("version") != VERSION:
        raise WeightsError(f"version {given.get('version')!r} where {VERSION} is understood: train them again")
    heads = given.get("heads")
    curves = given.get("curves")
    if not isinstance(heads, dict) or not isinstance(curves, dict) or not heads:
        raise WeightsError("'heads' and 'curves' must be objects")
    for mode in heads:
        if mode not in MODES:
            raise WeightsError(f"unknown mode {mode!r} (there are {', '.join(MODES)})")
    statement = given.get("statement")
    return Weights(
        {mode: _head(mode, head) for mode, head in heads.items()},
        {mode: _curve(mode, curves.get(mode)) for mode in heads},
        statement if isinstance(statement, dict) else {},
        _numbers("file", given, "scale"),
    )


def _head(mode: str, given: Any) -> Head:
    if not isinstance(given, dict):
        raise WeightsError(f"{mode}: a head must be an object")
    bias = given.get("bias")
    if bias is None or not _is_number(bias):
        raise WeightsError(f"{mode}: 'bias' must be a number")
    terms, choice = _numbers(mode, given, "terms"), _numbers(mode, given, "choice")
    return Head(float(bias), terms, choice, _vector(mode, given, "vector"), _vector(mode, given, "choice_vector"))


def _vector(mode: str, given: Mapping[str, Any], name: str) -> tuple[float, ...]:
    vector = given.get(name, [])
    if not isinstance(vector, list) or not all(_is_number(value) for value in vector):
        raise WeightsError(f"{mode}: {name!r} must be a list of numbers")
    wanted = EMBEDDING_SIZE if mode.endswith("+embedding") else 0
    if len(vector) != wanted:
        raise WeightsError(f"{mode}: {name!r} has {len(vector)} numbers where {wanted} belong")
    return tuple(map(float, vector))


def _numbers(mode: str, given: Mapping[str, Any], name: str) -> dict[str, float]:
    found = given.get(name, {})
    if not isinstance(found, dict) or not all(_is_number(value) for value in found.values()):
        raise WeightsError(f"{mode}: {name!r} must be an object of numbers")
    return {key: float(value) for key, value in found.items()}


def _curve(mode: str, given: Any) -> Curve:
    if not isinstance(given, list) or not all(
        isinstance(point, list) and len(point) == 2 and all(map(_is_number, point)) for point in given
    ):
        raise WeightsError(f"{mode}: its curve must be a list of pairs of numbers")
    curve = tuple((float(quality), float(p)) for quality, p in given)
    if not rising(curve):
        raise WeightsError(f"{mode}: its curve must rise, within 0 and 1")
    return curve


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
