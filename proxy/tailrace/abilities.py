"""What models can do: a shipped table, overridden by configuration. What nobody knows is None, never a guess."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from typing import Final, Self

from tailrace.wire import jsonio


@dataclass(frozen=True, slots=True)
class Abilities:
    """What is known of one model; None where nothing is."""

    vision: bool | None = None
    """Whether it reads images."""
    tools: bool | None = None
    """Whether it calls tools."""
    json_schema: bool | None = None
    """Whether it keeps to a JSON Schema given in the request."""
    sampling: bool | None = None
    """Whether it takes `temperature`, `top_p` and the penalties; some answer 400 to them."""
    reasoning: bool | None = None
    """Whether it thinks before it answers."""
    context_tokens: int | None = None
    """Most tokens of input."""
    max_output_tokens: int | None = None
    """Most tokens of output."""
    tokens_per_s: float | None = None
    """Output tokens a second."""
    first_token_s: float | None = None
    """Seconds until the first of them."""

    def over(self, below: "Abilities") -> "Abilities":
        """These, with what they leave open taken from `below`."""
        known = {name: value for name in FIELDS if (value := getattr(self, name)) is not None}
        return replace(below, **known)


FIELDS: Final = tuple(field.name for field in fields(Abilities))


class AbilityTable:
    """Abilities by model name as the provider knows it."""

    def __init__(self, rows: Mapping[str, Abilities]) -> None:
        self._rows = dict(rows)

    @classmethod
    def shipped(cls) -> Self:
        """The table in the package, made by `make prices` from litellm's model map."""
        return cls(_shipped())

    def find(self, model: str) -> Abilities:
        """What is known of a model; nothing of one that is not in the table."""
        return self._rows.get(model, _NOTHING)


_NOTHING: Final = Abilities()


@cache
def _shipped() -> dict[str, Abilities]:
    rows = jsonio.loads(files("tailrace").joinpath("data/abilities.json").read_bytes())
    return {name: Abilities(**row) for name, row in rows["models"].items()}
