"""Providers that litellm speaks to for us (Bedrock, Gemini, Vertex, Cohere …): chat, Responses and embeddings.

litellm is imported when it is first needed (2.4 s) and lives in a thread with a loop of its own, so that its work
between our awaits never stands in the way of other streams.
"""

import asyncio
import importlib
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from tailrace.clock import Clock
from tailrace.config.models import Provider
from tailrace.errors import NotFound, StreamCut, UpstreamError, UpstreamTimeout
from tailrace.exchange import Exchange, Reply
from tailrace.streams import EventSource, Stream
from tailrace.trail import Attempt
from tailrace.upstream.answers import error_answer
from tailrace.upstream.policy import AttemptFailed
from tailrace.upstream.targets import Target
from tailrace.wire import jsonio, sse
from tailrace.wire.endpoints import EndpointKind, Shape

T = TypeVar("T")

CALLS: Mapping[EndpointKind, str] = {
    EndpointKind.CHAT: "acompletion",
    EndpointKind.RESPONSES: "aresponses",
    EndpointKind.EMBEDDINGS: "aembedding",
}
"""litellm's function for each endpoint it serves."""

_SAMPLING = frozenset(
    [
        "model",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "n",
        "stop",
        "max_tokens",
        "max_completion_tokens",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "seed",
        "user",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "functions",
        "function_call",
        "response_format",
        "reasoning_effort",
        "thinking",
        "modalities",
        "audio",
        "prediction",
        "service_tier",
        "metadata",
        "store",
        "verbosity",
        "web_search_options",
        "safety_identifier",
        "prompt_cache_key",
    ]
)
PARAMETERS: Mapping[EndpointKind, frozenset[str]] = {
    EndpointKind.CHAT: _SAMPLING | {"messages"},
    EndpointKind.RESPONSES: _SAMPLING
    | frozenset(
        [
            "input",
            "instructions",
            "max_output_tokens",
            "max_tool_calls",
            "previous_response_id",
            "reasoning",
            "text",
            "truncation",
            "include",
            "background",
            "conversation",
            "prompt",
        ]
    ),
    EndpointKind.EMBEDDINGS: frozenset(["model", "input", "dimensions", "encoding_format", "user"]),
}
"""What of a client's body reaches litellm: the protocols' own fields. litellm takes hundreds of others as arguments, by
which a request and the operator's credentials with it could be sent anywhere (`api_base`, `aws_sts_endpoint` …)."""


class Worker:
    """The thread litellm lives in; one for the process."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._module: Any = None

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there; cancelling the wait cancels the work."""
        return await asyncio.wrap_future(self._submit(work))

    def _submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        with self._lock:
            if self._loop is None:
                loop = self._loop = asyncio.new_event_loop()
                threading.Thread(target=loop.run_forever, name="litellm", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def module(self) -> Any:
        """litellm, imported in its thread on the first call and told to stay offline and quiet."""
        if self._module is None:
            self._module = await self.run(_import())
        return self._module


async def _import() -> Any:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    spec = find_spec("litellm")
    if spec is not None and spec.submodule_search_locations:
        tokenizers = Path(spec.submodule_search_locations[0]) / "litellm_core_utils" / "tokenizers"
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(tokenizers))
    litellm: Any = importlib.import_module("litellm")
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.callbacks = []
    return litellm


_worker = Worker()


class LitellmProvider:
    """One provider behind litellm; see `ProviderCaller`."""

    def __init__(self, name: str, provider: Provider, clock: Clock) -> None:
        self._name = name
        self._provider = provider
        self._clock = clock

    async def aclose(self) -> None:
        """Nothing of ours to close: litellm keeps its own clients for the life of the process."""

    async def ask(self, exchange: Exchange, target: Target, record: Attempt, until: float) -> Reply:
        """Make one attempt; see `ProviderCaller.ask`."""
        function = CALLS.get(exchange.endpoint.kind)
        if function is None:
            missing = NotFound(
                f"The provider {self._name!r} is reached through litellm, which serves chat completions, responses and "
                f"embeddings, not {exchange.endpoint.route}.",
                code="unsupported_endpoint",
            )
            raise AttemptFailed("refused", missing, error_type="unsupported", healthy=True)
        litellm = await _worker.module()
        arguments = self._arguments(exchange, target)
        record.host = self._provider.litellm_provider or self._name
        try:
            answer = await _worker.run(getattr(litellm, function)(**arguments))
        except Exception as error:  # noqa: BLE001 - litellm raises some forty types of its own and of its providers' SDKs
            raise self._failure(error, exchange) from None
        record.status = 200
        shape = exchange.endpoint.shape
        if exchange.stream and shape is not None:
            return await self._stream(exchange, aiter(answer), shape, target.deadlines.idle_s)
        told = _plain(answer)
        exchange.trail.first_chunk_at = self._clock.monotonic()
        exchange.trail.answer = (shape or exchange.endpoint.kind, told)
        return Reply(200, {"content-type": "application/json"}, jsonio.dumps(told), parsed=told)

    def _arguments(self, exchange: Exchange, target: Target) -> dict[str, Any]:
        provider = self._provider
        known = PARAMETERS[exchange.endpoint.kind]
        arguments = {key: value for key, value in exchange.payload.items() if key in known}
        arguments["model"] = f"{provider.litellm_provider or self._name}/{target.model}"
        arguments["num_retries"] = 0
        arguments["timeout"] = target.deadlines.total_s
        key = provider.api_key.get_secret_value() if provider.api_key is not None else exchange.request.credential
        if key is not None:
            arguments["api_key"] = key
        if provider.base_url is not None:
            arguments["api_base"] = provider.base_url
        if provider.api_version is not None:
            arguments["api_version"] = provider.api_version
        if provider.headers:
            arguments["extra_headers"] = {name: v.get_secret_value() for name, v in provider.headers.items()}
        return arguments

    async def _stream(self, exchange: Exchange, chunks: AsyncIterator[Any], shape: Shape, idle_s: float) -> Reply:
        choices = exchange.payload.get("n")
        source = LitellmEvents(shape, chunks, idle_s, choices if isinstance(choices, int) else 1)
        try:
            first = await source.first_event()
            if first is None:
                raise UpstreamError(f"The provider {self._name!r} ended its stream before the first event.")
        except BaseException as error:
            # Also a client that leaves meanwhile: the provider must not go on answering.
            await asyncio.shield(source.aclose())
            if isinstance(error, UpstreamError):
                raise AttemptFailed("bad-answer", error, error_type=error.error_type) from None
            if isinstance(error, Exception):
                # A provider's refusal may come with the first chunk.
                raise self._failure(error, exchange) from None
            raise
        exchange.trail.first_chunk_at = self._clock.monotonic()
        exchange.trail.watch = source.watch
        return Reply(200, {"content-type": "text/event-stream; charset=utf-8"}, stream=Stream(source))

    def _failure(self, error: Exception, exchange: Exchange) -> AttemptFailed:
        status = getattr(error, "status_code", None)
        if type(error).__name__ == "Timeout":
            answer = UpstreamTimeout(f"The provider {self._name!r} did not answer in time.")
            return AttemptFailed("timeout", answer, error_type="timeout")
        status = status if isinstance(status, int) and 400 <= status < 600 else 502
        response = getattr(error, "response", None)
        headers = {str(k).lower(): str(v) for k, v in (getattr(response, "headers", None) or {}).items()}
        told = {
            "error": {
                "message": str(getattr(error, "message", "") or f"The provider {self._name!r} failed.")[:2000],
                "type": getattr(error, "type", None) or "upstream_error",
                "param": None,
                "code": getattr(error, "code", None) if isinstance(getattr(error, "code", None), str) else None,
            }
        }
        return error_answer(
            self._name,
            status,
            headers,
            jsonio.dumps(told),
            our_key=self._provider.api_key is not None or exchange.request.credential is None,
            anthropic=exchange.endpoint.anthropic,
            wall_s=self._clock.wall_ns() / 1e9,
        )


class LitellmEvents(EventSource):
    """A litellm stream as server-sent events."""

    def __init__(self, shape: Shape, chunks: AsyncIterator[Any], idle_s: float, choices: int) -> None:
        super().__init__(shape, choices)
        self._chunks = chunks
        self._idle_s = idle_s
        self._begun = False
        self._ended = False

    async def read(self) -> bytes:
        """The next chunk, encoded; `[DONE]` behind the last where the protocol has it."""
        if self._ended:
            return b""
        try:
            async with asyncio.timeout(self._idle_s):
                chunk = await _worker.run(_next(self._chunks))
        except TimeoutError:
            raise UpstreamTimeout(f"The provider sent nothing for {self._idle_s:g} s.") from None
        except Exception as error:
            if not self._begun:
                raise
            raise StreamCut("The provider's stream broke off.", error_type=type(error).__name__) from None
        self._begun = True
        if chunk is None:
            self._ended = True
            return b"" if self.shape == "responses" or not self.watch.terminal else sse.DONE
        told = _plain(chunk)
        return sse.encode(jsonio.dumps(told), event=told.get("type") if self.shape == "responses" else None)

    @property
    def shape(self) -> str:
        """The protocol the events are of."""
        return self.watch.shape

    async def aclose(self) -> None:
        """Let go of litellm's stream, and with it of its connection."""
        close = getattr(self._chunks, "aclose", None)
        if close is not None and not self._ended:
            self._ended = True
            await _worker.run(_closed(close()))


async def _next(chunks: AsyncIterator[Any]) -> Any:
    return await anext(chunks, None)


async def _closed(closing: Any) -> None:
    try:
        await closing
    except Exception:  # noqa: BLE001, S110 - it is being given up; how it ends no longer matters to anybody
        pass


def _plain(answer: Any) -> dict[str, Any]:
    """One of litellm's objects as JSON. Absent is absent, but a message without text keeps its `content: null`."""
    told: dict[str, Any] = (
        answer.model_dump(mode="json", exclude_none=True) if hasattr(answer, "model_dump") else dict(answer)
    )
    for choice in told.get("choices") or []:
        if isinstance(choice, dict) and isinstance(choice.get("message"), dict):
            choice["message"].setdefault("content", None)
    return told
