"""The simulated provider: a shipped program that answers as OpenAI, Azure and Anthropic do, and fails on request.

Its answers are made up, the same for the same request, and say that they are: `system_fingerprint` is
`tailrace-sim`, or the id has `sim` in it. How it is steered: `directives` (from inside the prompt), `faults` (by the
name of the model), `SimSettings`.
"""

from __future__ import annotations

from .faults import FAULTS
from .journal import Journal
from .server import RunningSim, build, running, serve
from .settings import SimSettings

__all__ = ["FAULTS", "Journal", "RunningSim", "SimSettings", "build", "running", "serve"]
