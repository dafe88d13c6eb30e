"""Which words may become labels: sets that are closed at start, or bounded in number."""

from collections.abc import Collection, Mapping

from tailrace.config.models import Config
from tailrace.prices import PriceTable
from tailrace.telemetry.providers import Known, table
from tailrace.telemetry.words import OTHER, OTHER_ERROR, Few, clean, reason_word

MOST_SEEN_MODELS = 50
MOST_PRICED_MODELS = 200
MOST_REASONS = 32
MOST_ERRORS = 64


class Labels:
    """The words in use. `follow` takes over a configuration; words told before stay told."""

    def __init__(self, prices: PriceTable | None = None) -> None:
        self._prices = prices
        self.providers: Mapping[str, Known] = {}
        self.models: Collection[str] = ()
        """Names that clients may ask for, where the configuration lists them."""
        self._targets: frozenset[str] = frozenset()
        self._closed = False
        self._priced = Few(MOST_PRICED_MODELS)
        self._seen = Few(MOST_SEEN_MODELS)
        self._errors = Few(MOST_ERRORS, OTHER_ERROR)
        self._reasons: dict[str, Few] = {}

    def follow(self, config: Config, prices: PriceTable) -> None:
        """Take over what is configured."""
        self._prices = prices
        self.providers = table(config.providers)
        self.models = frozenset(config.models)
        targets = (target.partition("/")[2] for model in config.models.values() for target in model.targets)
        self._targets = frozenset(targets)
        self._closed = bool(config.models)

    def provider(self, name: str) -> str:
        """`gen_ai.provider.name` of a configured provider."""
        known = self.providers.get(name)
        return known.name if known is not None else name

    def model(self, provider: str, model: str, *, answered: bool) -> str:
        """The model as a label.

        With a `models` section its targets are the set. Without one clients choose: names of the price table count,
        and the first few others for which a provider had an answer; the rest is `other`.
        """
        if model in self._targets:
            return model
        if self._closed or not model:
            return OTHER
        if model in self._priced:
            return model
        if self._prices is not None and self._prices.find(provider, model) is not None:
            return self._priced(model)
        if model in self._seen:
            return model
        return self._seen(clean(model)) if answered else OTHER

    def asked_for(self, model: str) -> str:
        """What a client asked for, if it is a name that is known here, else `other`."""
        known = model in self.models or model in self._targets or model in self._priced or model in self._seen
        return model if known else OTHER

    def error(self, word: str) -> str:
        """An error type as a label; empty stays empty."""
        return self._errors(word) if word else ""

    def reason(self, plugin: str, label: str) -> str:
        """A plugin's reason as a label, without its details."""
        few = self._reasons.get(plugin)
        if few is None:
            few = self._reasons[plugin] = Few(MOST_REASONS)
        return few(reason_word(label))
