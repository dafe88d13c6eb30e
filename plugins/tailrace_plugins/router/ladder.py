"""Which model each tier has, for one endpoint."""

from collections.abc import Mapping
from dataclasses import dataclass

from tailrace.abilities import Abilities
from tailrace.errors import NotFound
from tailrace.models import AUTO, ModelFacts, Models
from tailrace.wire.endpoints import Endpoint, Shape
from tailrace_plugins.router.known import known_tiers
from tailrace_plugins.router.policy.tiers import TIERS, Tier
from tailrace_plugins.router.settings import RouterSettings, TierTarget


@dataclass(frozen=True, slots=True)
class Rung:
    """A tier's model: how it is asked, and what is known of it."""

    target: TierTarget
    facts: ModelFacts


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs of one endpoint, one for each tier, or none at all."""

    rungs: Mapping[Tier, Rung]

    @property
    def abilities(self) -> Mapping[Tier, tuple[str, Abilities]]:
        """The same for `policy.guards`."""
        return {tier: (rung.facts.name, rung.facts.abilities) for tier, rung in self.rungs.items()}

    def model(self, name: str) -> Rung | None:
        """The first rung whose model has this name."""
        return next((rung for rung in self.rungs.values() if rung.facts.name == name), None)


def build(settings: RouterSettings, models: Models, endpoint: Endpoint) -> Ladder:
    """The ladder for requests to `endpoint`.

    Tiers that the settings leave out take the next stronger one's model, the strongest the one below. Without any, two
    rungs are found: of the configured models the first and the cheapest that is cheaper, else those of a well-known
    provider. Models that cannot be asked in the endpoint's form, or at all, are left out.
    """
    given = dict(settings.tiers) or {
        tier: TierTarget.model_validate({"model": name}) for tier, name in _found(models, endpoint).items()
    }
    usable: dict[Tier, Rung] = {}
    for tier, target in given.items():
        facts = _facts(models, target.model, endpoint)
        if facts is not None and speaks(facts.dialect, facts.host, endpoint.shape):
            usable[tier] = Rung(target, facts)
    if not usable:
        return Ladder({})
    filled: dict[Tier, Rung] = {}
    for tier in TIERS:
        above = [other for other in TIERS if other >= tier and other in usable]
        below = [other for other in TIERS if other < tier and other in usable]
        filled[tier] = usable[above[0] if above else below[-1]]
    return Ladder(filled)


def speaks(dialect: str, host: str, shape: Shape | None) -> bool:
    """Whether a provider that is spoken to in `dialect` can be asked in the form of an endpoint.

    Anthropic answers its own Messages form and OpenAI's chat, litellm chat and Responses, OpenAI and Azure no Messages.
    Whether another OpenAI-compatible server knows Messages is its own affair (several do), so it is not ruled out.
    """
    if dialect == "anthropic":
        return shape in ("messages", "chat")
    if dialect == "litellm":
        return shape in ("chat", "responses")
    return shape != "messages" or not (dialect == "azure" or host == "api.openai.com")


def _found(models: Models, endpoint: Endpoint) -> Mapping[Tier, str]:
    if not models.names:
        facts = _facts(models, AUTO, endpoint)
        return known_tiers(facts.provider, facts.host) if facts is not None else {}
    names = [name for name in models.names if models.routed.get(name, name) == name]
    facts_of = {name: facts for name in names if (facts := _facts(models, name, endpoint)) is not None}
    if not facts_of:
        return {}
    default = next(iter(facts_of))
    most = facts_of[default].price
    priced = {name: facts.price.output for name, facts in facts_of.items() if facts.price is not None and _chats(facts)}
    cheap = min(priced, key=lambda name: priced[name], default=default)
    if most is None or priced[cheap] >= most.output:
        cheap = default
    return {tier: cheap if tier <= Tier.SIMPLE else default for tier in TIERS}


def _chats(facts: ModelFacts) -> bool:
    """Whether it is known to write text: an embedding model is the cheapest of all."""
    known = facts.abilities.context_tokens is not None
    return known and facts.price is not None and facts.price.output > 0


def _facts(models: Models, name: str, endpoint: Endpoint) -> ModelFacts | None:
    try:
        return models.find(name, endpoint)
    except NotFound:
        return None
