"""What tokens cost: a shipped table, overridden by configuration. An unknown price is None, never 0."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Self

from tailrace.wire import jsonio
from tailrace.wire.usage import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens. `cache_read` and `cache_write` default to the input price."""

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None

    def cost(self, usage: Usage) -> float:
        """Dollars billed for `usage`: cached input at its own price, the rest of the input at the full one."""
        read = self.input if self.cache_read is None else self.cache_read
        write = self.input if self.cache_write is None else self.cache_write
        fresh = max(0, usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens)
        total = (
            fresh * self.input
            + usage.cache_read_tokens * read
            + usage.cache_write_tokens * write
            + usage.output_tokens * self.output
        )
        return total / 1_000_000


class PriceTable:
    """Prices by model name as the provider knows it; `provider/model` rows win over `model` rows."""

    def __init__(self, rows: Mapping[str, Price]) -> None:
        self._rows = dict(rows)

    @classmethod
    def shipped(cls, overrides: Mapping[str, Price] | None = None) -> Self:
        """The table in the package (made by `make prices` from litellm's price map), with `overrides` on top."""
        return cls({**_shipped(), **(overrides or {})})

    def find(self, provider: str, model: str) -> Price | None:
        """The price of a model, or None if nobody knows it."""
        return self._rows.get(f"{provider}/{model}") or self._rows.get(model)

    def cost(self, provider: str, model: str, usage: Usage | None) -> float | None:
        """Dollars for one answer; None without a usage or without a price."""
        price = self.find(provider, model) if usage is not None else None
        return price.cost(usage) if price is not None and usage is not None else None


@cache
def _shipped() -> dict[str, Price]:
    rows = jsonio.loads(files("tailrace").joinpath("data/prices.json").read_bytes())
    return {name: Price(**row) for name, row in rows["models"].items()}
