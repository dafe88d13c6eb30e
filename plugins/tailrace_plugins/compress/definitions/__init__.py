"""Tool definitions with fewer tokens. Pure: the same tools always give the same result, byte for byte."""

from tailrace_plugins.compress.definitions.lazy import Catalogue, catalogue
from tailrace_plugins.compress.definitions.noise import without_noise
from tailrace_plugins.compress.definitions.report import total
from tailrace_plugins.compress.definitions.shorten import shortened

__all__ = ["Catalogue", "catalogue", "shortened", "total", "without_noise"]
