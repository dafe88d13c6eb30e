"""The endpoint table: which path is what, in whose error shape, and what of it may go through the chain."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Shape = Literal["chat", "completions", "responses", "messages"]


class EndpointKind(StrEnum):
    """What a path asks for; plugins name the kinds they serve, metrics carry the value as a label."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"
    RESPONSES = "responses"
    MESSAGES = "messages"
    COUNT_TOKENS = "count_tokens"
    MODELS = "models"
    PASSTHROUGH = "passthrough"


MODEL_KINDS: frozenset[EndpointKind] = frozenset(
    {
        EndpointKind.CHAT,
        EndpointKind.COMPLETIONS,
        EndpointKind.EMBEDDINGS,
        EndpointKind.RESPONSES,
        EndpointKind.MESSAGES,
    }
)
"""Kinds that call a model with a JSON body: read whole, parsed once, run through the plugins."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the table.

    `route` is the low-cardinality path for spans and metrics; `operation` the GenAI operation name (None where no
    model is called); `shape` the stream and usage format of its answers (None where there is none).
    """

    kind: EndpointKind
    route: str
    operation: str | None = None
    shape: Shape | None = None
    anthropic: bool = False

    @property
    def reads_json(self) -> bool:
        """Whether the body is read whole and parsed as a JSON object before it goes on."""
        return self.kind in MODEL_KINDS or self.kind is EndpointKind.COUNT_TOKENS


CHAT = Endpoint(EndpointKind.CHAT, "/v1/chat/completions", "chat", "chat")
COMPLETIONS = Endpoint(EndpointKind.COMPLETIONS, "/v1/completions", "text_completion", "completions")
EMBEDDINGS = Endpoint(EndpointKind.EMBEDDINGS, "/v1/embeddings", "embeddings")
RESPONSES = Endpoint(EndpointKind.RESPONSES, "/v1/responses", "chat", "responses")
MESSAGES = Endpoint(EndpointKind.MESSAGES, "/v1/messages", "chat", "messages", anthropic=True)
COUNT_TOKENS = Endpoint(EndpointKind.COUNT_TOKENS, "/v1/messages/count_tokens", anthropic=True)
MODELS = Endpoint(EndpointKind.MODELS, "/v1/models")
PASSTHROUGH = Endpoint(EndpointKind.PASSTHROUGH, "/v1/*")
ANTHROPIC_PASSTHROUGH = Endpoint(EndpointKind.PASSTHROUGH, "/v1/messages/*", anthropic=True)

ENDPOINTS: tuple[Endpoint, ...] = (
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    RESPONSES,
    MESSAGES,
    COUNT_TOKENS,
    MODELS,
    PASSTHROUGH,
    ANTHROPIC_PASSTHROUGH,
)

_POSTS = {e.route: e for e in ENDPOINTS if e.kind not in (EndpointKind.MODELS, EndpointKind.PASSTHROUGH)}
# /v1/responses and /v1/chat/completions also answer GET (stored answers): those go on as passthrough.
_POST_ONLY = frozenset({"/v1/completions", "/v1/embeddings", "/v1/messages", "/v1/messages/count_tokens"})

# RFC 3986 segment characters; no empty segment, so that no spelling of `//` reaches a provider.
_SAFE_PATH = re.compile(r"/v1(?:/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+)+/?")
# Dot segments and encoded separators: what a provider's own router would read as another path.
_HOSTILE = re.compile(r"(?:^|/)(?:\.|%2e)(?:\.|%2e)?(?:/|$)|%2f|%5c|%00|%0a|%0d", re.IGNORECASE)
# RFC 3986, section 2.3: escaping these makes another spelling of the same path.
_ESCAPED = re.compile(r"%(?:2[dDeE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE])")
_ELSEWHERE = re.compile(r"/(?:completions|embeddings|messages|messages/count_tokens|v1/responses)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NoEndpoint:
    """Why no endpoint serves a request: an HTTP status and a sentence; `allow` lists methods for a 405."""

    status: int
    message: str
    allow: str = ""


def match(method: str, raw_path: str) -> Endpoint | NoEndpoint:
    """Find the endpoint of a request line.

    `raw_path` is the undecoded path without its query. A path that could be read as another one further on (dot
    segments, encoded slashes, empty segments) is refused, never normalised: the check and the provider would else
    disagree on what was asked.
    """
    bare = raw_path.rstrip("/")
    exact = _POSTS.get(bare)
    if exact is not None:
        if method == "POST":
            return exact
        if bare in _POST_ONLY:
            return NoEndpoint(405, f"{bare} takes POST, not {method}.", "POST")
        return PASSTHROUGH
    if bare == "/v1/models" and method in ("GET", "HEAD"):
        return MODELS
    if not raw_path.startswith("/v1/"):
        return NoEndpoint(404, "No such path. The API is served under /v1.")
    if _HOSTILE.search(raw_path) or not _SAFE_PATH.fullmatch(raw_path):
        return NoEndpoint(400, "The path is not in a normal form (dot, empty or encoded-slash segments).")
    if _ESCAPED.search(raw_path):
        return NoEndpoint(400, "The path is not in a normal form (it escapes characters that need no escape).")
    if method == "POST" and _ELSEWHERE.search(bare):
        # Under another spelling or prefix a provider may still call a model: past the plugins and the model list.
        return NoEndpoint(404, "Models are called at /v1/chat/completions and its siblings, spelled like that.")
    return ANTHROPIC_PASSTHROUGH if raw_path.startswith("/v1/messages/") else PASSTHROUGH
