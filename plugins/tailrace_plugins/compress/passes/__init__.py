"""Passes: each makes one text smaller and changes no data. Pure; see `pipeline.compress` for the promises."""

from tailrace_plugins.compress.passes.equal import decodes_equal
from tailrace_plugins.compress.passes.nouns import LOSSY, PASSES, Count, Piece, Result, Switches
from tailrace_plugins.compress.passes.pipeline import compress

__all__ = ["LOSSY", "PASSES", "Count", "Piece", "Result", "Switches", "compress", "decodes_equal"]
