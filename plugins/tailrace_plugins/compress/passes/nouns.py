"""What goes into the passes and what comes out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

Count = Callable[[str], int]
"""Tokens of a text."""

Role = Literal["tool", "user", "assistant", "system"]

PASSES: Final = (
    "prompts",
    "terminal",
    "whitespace",
    "listing",
    "headings",
    "paths",
    "minify",
    "tabular",
    "grouped",
    "repeats",
    "test_noise",
    "long_results",
    "numbers",
)
"""Names of all passes, in the order in which they run."""
LOSSY: Final = frozenset({"prompts", "test_noise", "long_results"})
"""Of these the passes that leave something out; off unless asked for."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One text of a conversation.

    `tool` and `arguments` (JSON text) are those of the call that a tool result answers; `failed` says that it reports
    the failure of its tool. With an `id` the model can ask for what is left out of it.
    """

    role: Role
    text: str
    tool: str = ""
    arguments: str = ""
    failed: bool = False
    id: str = ""


@dataclass(frozen=True, slots=True)
class Switches:
    """Which passes may act. `grouped` needs `tabular`; sizes are characters."""

    tabular: bool = True
    grouped: bool = False
    minify: bool = True
    terminal: bool = True
    whitespace: bool = True
    listing: bool = True
    headings: bool = True
    paths: bool = True
    repeats: bool = True
    test_noise: bool = False
    long_results: bool = False
    numbers: bool = False
    prompts: bool = False
    max_result_chars: int = 5_000
    max_tabular_chars: int = 32_768


@dataclass(frozen=True, slots=True)
class Result:
    """A smaller text, and the passes that made it, in the order of `PASSES`.

    `whole` is what would have been sent without those of them that leave something out; empty where none did.
    """

    text: str
    passes: tuple[str, ...]
    lossless: bool
    whole: str = ""
