"""What the verifier says of a pair of texts."""

from dataclasses import dataclass
from typing import Final

REASONS: Final = frozenset(
    {
        "same-words",
        "paraphrase",
        "number",
        "negation",
        "name",
        "direction",
        "literal",
        "order",
        "question-type",
        "added-words",
        "other-words",
        "language",
        "length",
        "too-different",
    }
)
"""Every reason a `Verdict` may carry: the first two go with a yes, the others with a no."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a stored answer may be given to another question.

    `reason` is one of `REASONS`; `confidence` (0..1) says how sure it is that the stored answer fits.
    """

    same: bool
    reason: str
    confidence: float
