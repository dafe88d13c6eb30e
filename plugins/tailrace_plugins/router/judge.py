"""How hard a request is: features, score and tier, without IO."""

from dataclasses import dataclass
from typing import Final

from tailrace.embed.settings import PACKAGED
from tailrace.wire.conversation import Conversation
from tailrace_plugins.router.features import Features, extract
from tailrace_plugins.router.policy.tiers import Thresholds, Tier, tier_of
from tailrace_plugins.router.scorer import Score, Scorer
from tailrace_plugins.router.settings import RouterSettings

EMBEDDING_MODEL: Final = PACKAGED
"""The model whose vectors the learned scorer understands; others are not used."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judgement rests on."""

    features: Features
    score: Score
    tier: Tier
    thresholds: Thresholds


class Judge:
    """Judges requests by the settings of one router. Reads the weights when it is made."""

    def __init__(self, settings: RouterSettings) -> None:
        self._scorer = Scorer(settings.mode, settings.weights)
        self._quality = settings.kept_quality
        self._thresholds: dict[str, Thresholds] = {}

    def features(self, conversation: Conversation) -> Features:
        """What is looked at; its `question` is the text whose vector `judge` may be given."""
        return extract(conversation)

    def judge(self, features: Features, vector: bytes | None = None) -> Judged:
        """The score and the tier."""
        score = self._scorer.score(features, vector)
        bounds = self._thresholds.get(score.mode)
        if bounds is None:
            bounds = self._thresholds[score.mode] = self._scorer.thresholds(score.mode, self._quality)
        return Judged(features, score, tier_of(score.p, bounds), bounds)
