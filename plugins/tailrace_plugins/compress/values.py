"""Values of a request, whatever they are: what is not of the kind that is expected counts as empty. Pure."""

from collections.abc import Mapping
from typing import Any

from tailrace.wire import jsonio


def as_map(value: Any) -> Mapping[str, Any]:
    """An object, or an empty one."""
    return value if type(value) is dict else {}


def as_list(value: Any) -> list[Any]:
    """A list, or an empty one."""
    return value if type(value) is list else []


def as_text(value: Any) -> str:
    """A text, or an empty one."""
    return value if isinstance(value, str) else ""


def as_json(value: Any) -> str:
    """The JSON text of a value; "" for null, and for what is no JSON."""
    if value is None:
        return ""
    try:
        return jsonio.dumps(value).decode()
    except (TypeError, RecursionError):
        return ""
