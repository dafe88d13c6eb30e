"""Tells how likely the cheap model suffices for a request, and which p divides the tiers for a quality to keep.

In order: `terms` brings features to a common scale, `heads` weighs them, `weights` reads the weights from a file,
`reasons` puts the largest into words, `curve` finds the tiers' thresholds. `train` makes the weights anew.
"""

from tailrace_plugins.router.scorer.score import Mode, Part, Score
from tailrace_plugins.router.scorer.scorer import Scorer, thresholds
from tailrace_plugins.router.scorer.weights import WeightsError

__all__ = ["Mode", "Part", "Score", "Scorer", "WeightsError", "thresholds"]
