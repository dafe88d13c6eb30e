"""Reads off a request what tells how hard it is. Pure: a conversation in, named numbers out."""

from tailrace_plugins.router.features.extract import extract
from tailrace_plugins.router.features.mapping import Features
from tailrace_plugins.router.features.wordlists import warm

__all__ = ["Features", "extract", "warm"]
