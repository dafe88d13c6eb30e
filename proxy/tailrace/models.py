"""What plugins may know of the models that can be asked for: where each would go, what it costs, what it can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from tailrace.abilities import Abilities
from tailrace.prices import Price
from tailrace.wire.endpoints import Endpoint

AUTO: Final = "auto"
"""The name that asks for a routed model where no `models` section says otherwise."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model that can be asked for by `name`, as it is at the place that is asked first."""

    name: str
    provider: str
    dialect: str
    """How the provider is spoken to: `openai`, `anthropic`, `azure` or `litellm`."""
    host: str
    """Where it is; empty for litellm."""
    model: str
    """Its name at the provider."""
    price: Price | None
    abilities: Abilities


class Models(Protocol):
    """The models of one configuration."""

    def find(self, name: str, endpoint: Endpoint) -> ModelFacts:
        """The facts of a model by the name that clients use; raises `NotFound` as a call would."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The configured names; none where any name goes to the first provider."""
        ...

    @property
    def routed(self) -> Mapping[str, str]:
        """The names marked `route: true`, each with the one that stands in when nobody chooses: itself, if it has
        targets of its own, else the first that has."""
        ...


class NoModels:
    """Where nothing is configured: a plugin on its own, as in tests."""

    names: tuple[str, ...] = ()
    routed: Mapping[str, str] = {}

    def find(self, name: str, endpoint: Endpoint) -> ModelFacts:
        """Nothing is known."""
        return ModelFacts(name, "", "openai", "", name, None, Abilities())
