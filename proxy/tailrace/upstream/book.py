"""The models of a configuration, as plugins may look them up."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from tailrace.abilities import FIELDS, Abilities, AbilityTable
from tailrace.config.models import Config
from tailrace.models import ModelFacts
from tailrace.prices import PriceTable
from tailrace.upstream.targets import Targets
from tailrace.wire.endpoints import Endpoint


class ModelBook:
    """Implements `tailrace.models.Models`."""

    def __init__(self, config: Config, targets: Targets, prices: PriceTable) -> None:
        self._targets = targets
        self._prices = prices
        self._table = AbilityTable.shipped()
        self._configured = {
            name: Abilities(**{field: getattr(model.abilities, field) for field in FIELDS})
            for name, model in config.models.items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The configured names."""
        return self._targets.models

    @property
    def routed(self) -> Mapping[str, str]:
        """The names marked `route: true`, each with the one that stands in where nothing chooses."""
        return self._targets.routed

    def find(self, name: str, endpoint: Endpoint) -> ModelFacts:
        """The facts of a model at the place that is asked first; raises `NotFound`."""
        target = self._targets.find(name, endpoint)[0]
        told = self._configured.get(name, Abilities())
        return ModelFacts(
            name,
            target.provider_name,
            target.provider.dialect,
            urlsplit(target.provider.base_url or "").hostname or "",
            target.model,
            self._prices.find(target.provider_name, target.model),
            told.over(self._table.find(target.model)),
        )
