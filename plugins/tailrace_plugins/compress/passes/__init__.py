"""Passes: each makes one text smaller and changes no data. Pure; see `pipeline.compress` for the promises."""

from tailrace_plugins.compress.passes.equal import decodes_equal
from tailrace_plugins.compress.passes.long_results import could_be_cut
from tailrace_plugins.compress.passes.nouns import LOSSY, PASSES, Count, Piece, Result, Switches
from tailrace_plugins.compress.passes.pipeline import compress
from tailrace_plugins.compress.passes.repeats import ContentsCache, Earlier, contents

__all__ = [
    "LOSSY",
    "PASSES",
    "ContentsCache",
    "Count",
    "Earlier",
    "Piece",
    "Result",
    "Switches",
    "compress",
    "contents",
    "could_be_cut",
    "decodes_equal",
]
