"""Running a request through plugins, as the proxy would, and keeping all there is to see."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tailrace.chain import AnyPlugin, Chain, chain_header
from tailrace.clock import Clock
from tailrace.errors import TailraceError
from tailrace.exchange import Exchange, Outcome, Reply
from tailrace.http.deliver import in_band
from tailrace.outcome import settle
from tailrace.prices import PriceTable
from tailrace.testing.making import clock_of_loop
from tailrace.testing.upstream import Answer, FakeUpstream
from tailrace.trail import Action, PluginScope
from tailrace.wire import sse
from tailrace.wire.assemble import assembler
from tailrace.wire.sse import Event, FrameSplitter

_PATIENCE_S = 3600.0


@dataclass(slots=True)
class Result:
    """What came of a request.

    `reply` is what the chain gave, before its body was read; None where it raised `error`. `body` is every byte the
    client got, the in-band error of a stream that broke off (`broke`) included. `times` has the seconds since the
    start of the run at which each piece in `pieces` was there.
    """

    exchange: Exchange
    upstream: FakeUpstream
    reply: Reply | None = None
    error: Exception | None = None
    pieces: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    broke: TailraceError | None = None
    left: bool = False
    """Whether the client went away, as the test asked."""
    outcome: Outcome | None = None
    """What `exchange.on_end` listeners were told."""

    @property
    def status(self) -> int:
        """The HTTP status the client got; 0 if it left before there was one."""
        if isinstance(self.error, TailraceError):
            return self.error.status
        return self.reply.status if self.reply is not None else 500 if self.error is not None else 0

    @property
    def body(self) -> bytes:
        """All bytes of the body."""
        return b"".join(self.pieces)

    @property
    def events(self) -> list[Event]:
        """The body as events, comments left out."""
        splitter = FrameSplitter()
        frames = [*splitter.feed(self.body), splitter.rest]
        return [event for frame in frames if not (event := sse.parse(frame)).is_comment]

    @property
    def answer(self) -> Any:
        """The answer as a client puts it together: of a stream or a whole body."""
        if self.reply is not None and not self.reply.is_events:
            return self.reply.json()
        gathered = assembler(self.exchange.endpoint.shape or "chat")
        for event in self.events:
            if isinstance(event.json, dict):
                gathered.feed(event.json)
        return gathered.result()

    @property
    def text(self) -> str:
        """The text of the answer's first choice."""
        return _text(self.answer)

    @property
    def scope(self) -> PluginScope:
        """The outermost plugin's own account."""
        return self.exchange.trail.scopes[0]

    @property
    def action(self) -> Action | None:
        """`acted`, `stood-aside`, `skipped`, `failed` or `timed-out`, of the outermost plugin."""
        return self.scope.action

    @property
    def label(self) -> str:
        """What it did, or why it stood aside."""
        return self.scope.label

    @property
    def facts(self) -> dict[str, Any]:
        """What it noted."""
        return self.scope.facts

    @property
    def header(self) -> str:
        """`x-tailrace-chain` as it stands at the end."""
        return chain_header(self.exchange.trail.scopes)


async def run(
    plugins: AnyPlugin | Sequence[AnyPlugin],
    exchange: Exchange,
    *answers: Answer,
    clock: Clock | None = None,
    leaves_after_s: float | None = None,
    leaves_after_pieces: int | None = None,
) -> Result:
    """Take `exchange` through one plugin, or a list of them from the outermost in, to a provider with these answers.

    The body is read to its end as the proxy's delivery does. With `leaves_after_s` or `leaves_after_pieces` the client
    goes away in the middle, whatever is under way is cancelled, and all must be let go of. Errors are in the result.
    """
    upstream = FakeUpstream(*answers)
    time = clock or clock_of_loop()
    chain = Chain([plugins] if not isinstance(plugins, Sequence) else plugins, upstream, time)
    result = Result(exchange, upstream)
    began = asyncio.get_running_loop().time()
    patience_s = _PATIENCE_S if leaves_after_s is None else leaves_after_s
    try:
        async with asyncio.timeout(patience_s):
            await _serve(chain, result, began, leaves_after_pieces)
    except TimeoutError:
        if leaves_after_s is None:
            raise AssertionError(f"the request did not end within {_PATIENCE_S:g} s") from None
        result.left = True
    _tell(result, time)
    return result


async def _serve(chain: Chain, result: Result, began: float, most_pieces: int | None) -> None:
    try:
        reply = result.reply = await chain.run(result.exchange)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test wants to look at it
        result.error = error
        return
    loop = asyncio.get_running_loop()
    if reply.stream is None:
        result.pieces, result.times = [reply.body], [loop.time() - began]
        if (tell := reply.heard_whole()) is not None:
            tell()
        return
    pieces = reply.stream.open()
    try:
        async for piece in pieces:
            result.pieces.append(piece)
            result.times.append(loop.time() - began)
            if most_pieces is not None and len(result.pieces) >= most_pieces:
                result.left = True
                break
    except TailraceError as error:
        result.broke = error
        result.pieces.append(in_band(result.exchange, error))
        result.times.append(loop.time() - began)
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
        await reply.stream.aclose()
        # Generators that were left in the middle are finished by the loop, in tasks of its own.
        for _ in range(8):
            await asyncio.sleep(0)


def _tell(result: Result, clock: Clock) -> None:
    state: Literal["complete", "client_left", "failed"] = "complete"
    if result.left:
        state = "client_left"
    elif result.broke is not None:
        state = "failed"
    trail = result.exchange.trail
    result.outcome = settle(trail, state, result.status, PriceTable.shipped(), clock.monotonic())
    for _, tell in trail.enders:
        tell(result.outcome)


def _text(answer: Any) -> str:
    """The text of an answer of any of the four shapes; empty for what is none."""
    if not isinstance(answer, dict):
        return ""
    if choices := answer.get("choices"):
        first = choices[0]
        return first["text"] if "text" in first else (first.get("message") or {}).get("content") or ""
    if isinstance(answer.get("output"), list):
        parts = [part for item in answer["output"] for part in item.get("content") or () if isinstance(part, dict)]
        return "".join(part.get("text", "") for part in parts)
    blocks = answer.get("content")
    return "".join(block.get("text", "") for block in blocks) if isinstance(blocks, list) else ""
