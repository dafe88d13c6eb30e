"""From the model a client asks for to the ordered list of places that may answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from tailrace.config.models import Config, DeadlineOverrides, Deadlines, Provider
from tailrace.errors import Forbidden, NotFound
from tailrace.wire.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class Target:
    """A model at a provider, with the deadlines that hold there."""

    provider_name: str
    provider: Provider
    model: str
    deadlines: Deadlines

    @property
    def name(self) -> str:
        """`provider/model`, as the configuration spells it."""
        return f"{self.provider_name}/{self.model}"


class Targets:
    """Looks up targets. Made once per configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._first = next(iter(config.providers), "")
        self._anthropic = next((n for n, p in config.providers.items() if p.dialect == "anthropic"), "")
        stands_in = next((name for name, model in config.models.items() if model.targets), "")
        self.routed: Mapping[str, str] = {
            name: name if model.targets else stands_in for name, model in config.models.items() if model.route
        }
        """The names marked `route: true`, each with the one whose targets it has where nothing chooses."""
        self._by_model: Mapping[str, tuple[Target, ...]] = {
            name: tuple(
                self._configured(target, model.deadlines)
                for target in config.models[self.routed.get(name, name)].targets
            )
            for name, model in config.models.items()
        }
        self._base = {name: _deadlines(config.upstream, p.deadlines) for name, p in config.providers.items()}

    @property
    def models(self) -> tuple[str, ...]:
        """The configured model names."""
        return tuple(self._by_model)

    def find(self, model: str, endpoint: Endpoint) -> tuple[Target, ...]:
        """The targets for a model, in fallback order; raises `NotFound` for a model that is not configured."""
        found = self._by_model.get(model)
        if found is not None:
            return found
        if self._by_model:
            # The name is the client's own text: it is not repeated, so that nobody's log shows a pasted secret.
            raise NotFound(
                "The model does not exist or is not configured here. GET /v1/models lists what is.",
                code="model_not_found",
                param="model",
            )
        name = self.default_provider(endpoint)
        return (Target(name, self._config.providers[name], model, self._base[name]),)

    def default_provider(self, endpoint: Endpoint) -> str:
        """The provider for what names no configured model: the first, or the first that speaks Anthropic's shape."""
        name = self._anthropic if endpoint.anthropic else self._first
        if not name:
            kind = "that speaks Anthropic's Messages API (dialect: anthropic) " if endpoint.anthropic else ""
            raise NotFound(f"No provider {kind}is configured.", code="no_provider")
        return name

    def of_provider(self, name: str, *, lists_models: bool = False) -> Target:
        """A target that names no model, for passthrough; raises `Forbidden` where tenants would meet there."""
        provider = self._config.providers[name]
        shared = provider.is_ours and len(self._config.keys.static) > 1
        refused = provider.passthrough is False or (provider.passthrough is None and shared)
        if refused and not lists_models:
            raise Forbidden(
                f"Only model calls go to the provider {name!r}: its account is shared by several tenants. The operator "
                "may allow the rest with providers.*.passthrough.",
            )
        return Target(name, self._config.providers[name], "", self._base[name])

    def _configured(self, target: str, overrides: DeadlineOverrides) -> Target:
        provider_name, _, model = target.partition("/")
        provider = self._config.providers[provider_name]
        base = _deadlines(self._config.upstream, provider.deadlines)
        return Target(provider_name, provider, model, _deadlines(base, overrides))


def _deadlines(base: Deadlines, overrides: DeadlineOverrides) -> Deadlines:
    values = {name: getattr(base, name) for name in Deadlines.model_fields}
    values |= {name: value for name, value in overrides if value is not None}
    return Deadlines(**values)
