"""Decides whether a stored answer fits another question: only differences known to be harmless may pass.

Pure: two texts and their similarity in, a verdict out. Both texts are read into canonical words (`tokens`, `rewrite`,
`english`, `canon`), then each word of the one must be explained by the other (`align`, `order`); one word that nothing
explains makes a miss. What counts as harmless lies in the word lists of `data/`.
"""

from tailrace_plugins.semantic_cache.verifier.decide import candidate_floor, verify
from tailrace_plugins.semantic_cache.verifier.verdict import REASONS, Verdict

__all__ = ["REASONS", "Verdict", "candidate_floor", "verify"]
