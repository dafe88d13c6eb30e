"""The simulated model behind every endpoint: credentials, prefix cache, pace and the faults' counters."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from aiohttp import web

from . import faults
from .ask import Ask
from .chat import Head
from .errors import Refusal
from .journal import Journal
from .pace import Pace, first_token_ms
from .plan import Choice, Usage, plan
from .prefix import PrefixCache
from .settings import SimSettings
from .store import ResponseStore
from .tokens import Tokenizer

_ODD = 0x9E37_79B9_7F4A_7C15


@dataclass(frozen=True, slots=True)
class Generated:
    """What the model made of an Ask: the choices, what they cost and how fast they come."""

    choices: tuple[Choice, ...]
    usage: Usage
    pace: Pace


class Provider:
    """State of one simulated provider; everything in it is bounded."""

    def __init__(self, settings: SimSettings) -> None:
        self.settings = settings
        self.journal = Journal(settings)
        self.tokenizer = Tokenizer()
        self.counters = faults.Counters()
        self.responses = ResponseStore(settings.stored_responses)
        self._prefixes = PrefixCache(settings)
        self._numbers = itertools.count(1)
        self._run = secrets.token_hex(4)

    def generate(self, ask: Ask, credential: str, *, marked: bool = False) -> Generated:
        """Return the answer to an Ask; `marked` caches only up to the Ask's marks, as Anthropic does."""
        if self.settings.seed:
            ask = replace(ask, seed=ask.seed ^ (self.settings.seed * _ODD))
        choices = plan(ask, self.settings.rounds)
        prompt = ask.prompt_tokens
        completion = sum(choice.tokens for choice in choices)
        reasoning = sum(len(choice.reasoning) for choice in choices)
        if marked:
            use = self._prefixes.marked(credential, ask.model, ask.segments, ask.marks)
            usage = Usage(prompt, use.read, completion, reasoning, use.written_5m, use.written_1h)
        else:
            cached = self._prefixes.automatic(credential, ask.model, ask.segments)
            usage = Usage(prompt, cached, completion, reasoning)
        delay = ask.directives.delay
        pace = Pace(
            first_token_ms(self.settings, prompt, usage.cached, ask.directives.first),
            self.settings.per_token_ms if delay is None else delay,
            self.settings.jitter,
            ask.seed,
        )
        return Generated(choices, usage, pace)

    def head(self, prefix: str, model: str) -> Head:
        """Return a new answer's id, which is never used again, with the model and the time."""
        return Head(self.new_id(prefix), model, int(time.time()))

    def new_id(self, prefix: str) -> str:
        """Return an id never used before."""
        return f"{prefix}{self._run}{next(self._numbers):08x}"

    def fault(self, model: str) -> faults.Chosen | None:
        """Return the fault due for a request that names this model; counts the request."""
        chosen = faults.chosen(model) if model.startswith("fault-") else None
        return chosen if chosen is not None and self.counters.due(model, chosen.times) else None

    def admit(self, request: web.BaseRequest) -> str:
        """Return the credential presented, or refuse it; credentials look as in either provider's API, or Azure's."""
        given = credential(request.headers)
        if self.settings.keys and given not in self.settings.keys:
            text = "Incorrect API key provided." if given else "You didn't provide an API key."
            raise Refusal(401, text, code="invalid_api_key")
        return given


def credential(headers: Mapping[str, str]) -> str:
    """Return the API key a request carries, or an empty string."""
    given = headers.get("authorization")
    if given is not None:
        return given[7:] if given[:7].lower() == "bearer " else given
    return headers.get("api-key") or headers.get("x-api-key") or ""
