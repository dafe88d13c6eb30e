"""How a request is spelled for providers that speak HTTP themselves: URL, credential, body. Pure."""

from dataclasses import dataclass
from functools import cache
from urllib.parse import quote, unquote, urlsplit

from multidict import CIMultiDict

from tailrace.errors import NotFound
from tailrace.exchange import Exchange
from tailrace.upstream.headers import HOP_HEADER, for_provider
from tailrace.upstream.targets import Target
from tailrace.wire.endpoints import EndpointKind

ANTHROPIC_VERSION = "2023-06-01"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request ready to be sent; `target` is the path and query as they stand in the request line."""

    method: str
    target: str
    headers: "CIMultiDict[str]"


def outgoing(exchange: Exchange, target: Target, hop: str) -> Outgoing:
    """The request line and headers for one target.

    The path after `/v1` is appended to the provider's base URL as the client spelled it. The client's own headers go
    on (`headers.for_provider`), then the provider's credential is set: nothing a client sends can remove or replace
    it, and without one the client's own is passed on in the form the provider reads.
    """
    request, provider = exchange.request, target.provider
    headers = for_provider(request.headers)
    if exchange.endpoint.reads_json or exchange.endpoint.kind is EndpointKind.MODELS:
        # What is read here must not be encoded; the body that goes on was decoded when it came in.
        headers["accept-encoding"] = "identity"
        headers.popall("content-encoding", None)
    else:
        headers["accept-encoding"] = request.headers.get("accept-encoding", "identity")
        if exchange.upload is not None and (length := request.headers.get("content-length")) is not None:
            headers["content-length"] = length
    if provider.headers:
        headers.update({name: value.get_secret_value() for name, value in provider.headers.items()})
    if provider.api_key is not None:
        _set_credential(headers, provider.dialect, provider.api_key.get_secret_value())
    elif request.credential is not None and not provider.is_ours:
        _set_credential(headers, provider.dialect, request.credential)
    if provider.dialect == "anthropic" and "anthropic-version" not in headers:
        headers["anthropic-version"] = ANTHROPIC_VERSION
    past = request.headers.get(HOP_HEADER)
    headers[HOP_HEADER] = f"{past},{hop}" if past else hop
    return Outgoing(request.method, _target(target, request.path, request.query), headers)


def _set_credential(headers: "CIMultiDict[str]", dialect: str, key: str) -> None:
    if dialect == "anthropic" and not key.startswith("sk-ant-oat"):
        headers["x-api-key"] = key
    elif dialect == "azure":
        headers["api-key"] = key
    else:
        # Also Anthropic's OAuth tokens, which Claude Code sends as bearer tokens.
        headers["authorization"] = f"Bearer {key}"


def _target(target: Target, path: str, query: str) -> str:
    """Path and query at the provider, as raw text: whatever normalised it would undo the check of the client's path."""
    provider = target.provider
    base = base_path(provider.base_url or "")
    rest = path.removeprefix("/v1")
    if provider.dialect == "azure":
        root = base if base.endswith("/openai") else f"{base}/openai"
        if target.model in (".", ".."):
            raise NotFound("The model does not exist.", code="model_not_found", param="model")
        deployment = f"/deployments/{quote(target.model, safe='')}" if target.model and names_deployment(path) else ""
        kept = [part for part in query.split("&") if part and unquote(part).lower().partition("=")[0] != "api-version"]
        return f"{root}{deployment}{rest}?{'&'.join([*kept, f'api-version={provider.api_version}'])}"
    return f"{base}{rest}?{query}" if query else f"{base}{rest}"


def names_deployment(path: str) -> bool:
    """Whether Azure takes the model from this path; elsewhere (Responses) it reads the body's."""
    return path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")


@cache
def base_path(base_url: str) -> str:
    """The path of a provider's base URL, without a slash at its end."""
    return urlsplit(base_url).path.rstrip("/")
