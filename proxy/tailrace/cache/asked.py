"""What a request asks of a cache: its identity, and whether it may be answered from one at all. Pure.

The rules are those of the design's "What a cache may do".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from multidict import MultiMapping

from tailrace.errors import BadRequest
from tailrace.upstream.headers import for_provider
from tailrace.wire.canonical import fingerprint
from tailrace.wire.endpoints import EndpointKind

_FORM: Final = ("stream", "stream_options")
_FORM_OPTIONS: Final = frozenset({"include_usage", "include_obfuscation"})
"""Stream options that change how an answer is told and not what it says."""

_HARMLESS: Final = frozenset(
    "accept accept-language accept-charset cache-control cf-connecting-ip cf-ray cf-visitor connection content-type "
    "date dnt http-referer idempotency-key if-modified-since if-none-match origin pragma priority range referer "
    "sentry-trace upgrade-insecure-requests user-agent via x-amzn-trace-id x-client-request-id x-cloud-trace-context "
    "x-correlation-id x-request-id x-title x-trace-id".split()
)
_HARMLESS_STARTS: Final = ("x-stainless-", "sec-", "x-b3-", "x-datadog-", "x-forwarded-", "x-envoy-")
"""Headers that tell of the client and of the way of a request. Any other that goes on to the provider may change its
answer or name an account, so it is part of what is asked."""

_STEERING: Final = ("x-tailrace-tier",)
"""Headers of ours by which a client chooses who answers. They never reach a provider."""

_INEXACT: Final = 2.0**63

_MAX_TAGS: Final = 16
_MAX_TAG_CHARS: Final = 64


@dataclass(frozen=True, slots=True)
class Control:
    """What a client says of caching in `Cache-Control` (RFC 9111, section 5.2.1).

    `store`: whether its answer may be kept, `look`: whether a kept answer may be used, `max_age_s`: how old at most.
    """

    store: bool = True
    look: bool = True
    max_age_s: float | None = None


def read_control(header: str | None, *, no_store: bool = False) -> Control:
    """Read the header; what is not known or not a number is passed over. `no_store` is `x-tailrace-no-store`."""
    if not header:
        return Control(store=not no_store, look=not no_store)
    words = {name.strip().lower(): value.strip() for name, _, value in (w.partition("=") for w in header.split(","))}
    no_store = no_store or "no-store" in words
    look = not no_store and "no-cache" not in words
    age = words.get("max-age", "")
    max_age_s = float(age) if age.isascii() and age.isdigit() and len(age) < 12 else None
    return Control(store=not no_store, look=look and max_age_s != 0, max_age_s=max_age_s)


QUESTION_CHARS: Final = 2000
"""How much of the last user message is kept for invalidation by pattern."""


def request_key(
    tenant: str,
    kind: EndpointKind,
    route: str,
    payload: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    skip: frozenset[str] = frozenset(),
    query: str = "",
) -> str:
    """The identity of a request: equal exactly where the same tenant asks the same thing of the same upstream.

    Everything in the payload counts, known or not, but for the form of the answer: a stream and a whole answer are one.
    `route` says where the request goes (provider, address, model there). 64 hex digits.
    """
    asked = {name: value for name, value in payload.items() if name not in _FORM}
    options = payload.get("stream_options")
    if isinstance(options, Mapping):
        more = {name: value for name, value in options.items() if name not in _FORM_OPTIONS}
        if more:
            asked["stream_options"] = more
    elif options is not None:
        asked["stream_options"] = options
    return fingerprint(
        {
            "tenant": tenant,
            "kind": kind.value,
            "route": route,
            "query": query,
            "headers": _telling(headers),
            "skip": sorted(skip),
            "payload": asked,
        }
    )


def _telling(headers: Mapping[str, str]) -> list[list[str]]:
    """The headers that may change the answer, or who gives it, sorted by name."""
    sent = ((name.lower(), value) for name, value in for_provider(headers).items())
    told = [[n, v] for n, v in sent if n not in _HARMLESS and not n.startswith(_HARMLESS_STARTS)]
    return sorted([*told, *([name, headers[name]] for name in _STEERING if name in headers)])


def header(headers: Mapping[str, str], name: str) -> str | None:
    """All lines of a header as one value (RFC 9110, section 5.3); None where there is none."""
    if isinstance(headers, MultiMapping):
        return ", ".join(given) if (given := headers.getall(name, [])) else None
    return headers.get(name)


_SERVER_SIDE: Final = ("web_search_options", "search_parameters", "mcp_servers", "plugins", "data_sources", "grounding")
"""Parameters by which the provider itself looks things up or acts: what it finds is not the same twice."""


def why_stateful(kind: EndpointKind, payload: Mapping[str, Any]) -> str:
    """Why the same question may have another answer, or its answer another effect: a word, or "" where none.

    Responses are stored by the provider unless `store` is false, and a client may ask for them again by their id.
    """
    for name in ("previous_response_id", "conversation", "container", "background"):
        if payload.get(name):
            return "stateful"
    store = payload.get("store")
    if store is True or (kind is EndpointKind.RESPONSES and store is not False):
        return "stateful"
    if any(payload.get(name) is not None for name in _SERVER_SIDE) or _acts_by_itself(payload.get("tools")):
        return "server-tools"
    prompt = payload.get("prompt")
    # A prompt that is kept at the provider may be changed there.
    return "stateful" if isinstance(prompt, Mapping) else ""


def is_ambiguous(payload: Mapping[str, Any]) -> bool:
    """Whether a number in it was too large to be read exactly (over 64 bits): two requests may then look like one."""
    return any(type(value) is float and abs(value) >= _INEXACT for value in payload.values())


def is_deterministic(kind: EndpointKind, payload: Mapping[str, Any]) -> bool:
    """Whether the client asked for the same answer every time: embeddings, temperature 0, or a seed."""
    if kind is EndpointKind.EMBEDDINGS:
        return True
    temperature, seed = payload.get("temperature"), payload.get("seed")
    is_zero = type(temperature) in (int, float) and temperature == 0
    return is_zero or type(seed) is int


def wants_usage(kind: EndpointKind, payload: Mapping[str, Any]) -> bool:
    """Whether the answer, in the form the client asked for, reports token usage."""
    if payload.get("stream") is not True or kind not in (EndpointKind.CHAT, EndpointKind.COMPLETIONS):
        return True
    options = payload.get("stream_options")
    return isinstance(options, Mapping) and options.get("include_usage") is True


def read_tags(header: str | None) -> tuple[str, ...]:
    """The tags in `x-tailrace-cache-tags`: comma-separated, by which a client may have entries dropped later.

    Raises `BadRequest` for more than 16 or longer than 64 characters: an entry that cannot be found by its tag could
    not be invalidated.
    """
    if not header:
        return ()
    tags = tuple(dict.fromkeys(tag for part in header.split(",") if (tag := part.strip())))
    if len(tags) > _MAX_TAGS or any(len(tag) > _MAX_TAG_CHARS for tag in tags):
        message = f"x-tailrace-cache-tags takes at most {_MAX_TAGS} tags of at most {_MAX_TAG_CHARS} characters."
        raise BadRequest(message, code="bad_cache_tags")
    return tags


def last_question(payload: Mapping[str, Any]) -> str:
    """The text of the last user message (or of the prompt), cut to `QUESTION_CHARS`; "" where there is none."""
    for name in ("messages", "input", "prompt"):
        given = payload.get(name)
        if isinstance(given, str):
            return given[:QUESTION_CHARS]
        if not isinstance(given, list):
            continue
        for message in reversed(given):
            if isinstance(message, str):
                return message[:QUESTION_CHARS]
            if isinstance(message, Mapping) and message.get("role") == "user":
                return text_of(message.get("content"))[:QUESTION_CHARS]
    return ""


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or its text parts joined by line ends."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, Mapping))
    return "\n".join(part for part in parts if isinstance(part, str))


_CLIENT_TOOLS: Final = frozenset({"function", "custom"})


def _acts_by_itself(tools: Any) -> bool:
    """Whether the provider itself runs one of the tools (search, code, files): what they find changes with time.

    A tool is the client's if it is a function, or (Messages) has no type of its own.
    """
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, Mapping):
            continue
        kind = tool.get("type")
        if kind is not None and kind not in _CLIENT_TOOLS:
            return True
    return False
