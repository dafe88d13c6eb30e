"""A router with models, prices and judgements of the test's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tailrace.abilities import Abilities
from tailrace.errors import NotFound
from tailrace.models import ModelFacts
from tailrace.plugin import Services
from tailrace.prices import Price
from tailrace.testing import plugin, services
from tailrace.wire.endpoints import Endpoint
from tailrace_plugins.router.judge import Judged
from tailrace_plugins.router.plugin import RouterPlugin
from tailrace_plugins.router.policy.tiers import Tier
from tailrace_plugins.router.scorer import Score

ABLE = Abilities(vision=True, tools=True, json_schema=True, context_tokens=128_000, max_output_tokens=16_000)
PRICES = {
    "small": Price(0.1, 0.5, 0.01),
    "middle": Price(1.0, 4.0, 0.1),
    "large": Price(2.0, 10.0, 0.2),
    "huge": Price(10.0, 50.0, 1.0),
}
TIERS = {"trivial": "small", "simple": "small", "moderate": "middle", "complex": "large", "expert": "huge"}


@dataclass
class Book:
    """The models of a configuration: the four of `PRICES`, all able, one provider."""

    names: tuple[str, ...] = ("auto", "large", "small", "middle", "huge")
    routed: Mapping[str, str] = field(default_factory=lambda: {"auto": "large"})
    abilities: dict[str, Abilities] = field(default_factory=dict)
    prices: dict[str, Price | None] = field(default_factory=dict)
    dialects: dict[str, str] = field(default_factory=dict)
    provider: str = "sim"
    host: str = "127.0.0.1"

    def find(self, name: str, endpoint: Endpoint) -> ModelFacts:
        if self.names and name not in self.names:
            raise NotFound("no such model")
        name = self.routed.get(name, name)
        price = self.prices.get(name, PRICES.get(name))
        dialect = self.dialects.get(name, "openai")
        return ModelFacts(name, self.provider, dialect, self.host, name, price, self.abilities.get(name, ABLE))


class ToldJudge:
    """Judges as it was told, request by request; the last word holds for all that follow."""

    def __init__(self, *tiers: str) -> None:
        self._tiers = list(tiers)
        self.vectors: list[bytes | None] = []

    def features(self, conversation: Any) -> Any:
        self.conversation = conversation
        return ToldFeatures(conversation.turns[-1].text if conversation.turns else "")

    def judge(self, features: Any, vector: bytes | None = None) -> Judged:
        self.vectors.append(vector)
        tier = self._tiers.pop(0) if len(self._tiers) > 1 else self._tiers[0]
        return Judged(features, Score(0.5, (), "rules", "as told"), Tier(tier), (0.9, 0.8, 0.6, 0.4))


@dataclass
class ToldFeatures:
    question: str


def lent(book: Book | None = None, **more: Any) -> Services:
    """What the proxy lends, with the test's models."""
    return replace(services(**more), models=book or Book())


def router(*tiers: str, settings: Mapping[str, Any] | None = None, services: Services | None = None) -> RouterPlugin:
    """A router that judges as told; without tiers, by its own judgement."""
    made = plugin(RouterPlugin, {"tiers": TIERS, **(settings or {})}, services=services or lent())
    if tiers:
        made._judge = ToldJudge(*tiers)
    return made


def asking(text: str = "hello", model: str = "auto", **more: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def answer(model: str = "small", text: str = "An answer.", **usage: int) -> dict[str, Any]:
    """A whole chat answer."""
    told = {"prompt_tokens": 100, "completion_tokens": 50, **usage}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return {"id": "c1", "object": "chat.completion", "model": model, "choices": [choice], "usage": told}
