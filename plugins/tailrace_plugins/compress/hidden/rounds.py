"""One exchange with tools that the proxy answers itself: start reading here.

`offer` decides whether a request may be offered such tools; `ask` sends it and answers their calls, so that the client
sees neither them nor the tools; `restore` puts the calls back into the next turn.
"""

from collections.abc import Callable
from dataclasses import replace

from tailrace.exchange import Exchange, Reply
from tailrace.plugin import CallNext
from tailrace.streams import Stream
from tailrace.wire import jsonio
from tailrace_plugins.compress.hidden.continued import ContinuedEvents, next_round
from tailrace_plugins.compress.hidden.nouns import Answering, Inserted
from tailrace_plugins.compress.hidden.progress import Progress
from tailrace_plugins.compress.hidden.reading import Reading, read, without


def _nobody(rounds: int) -> None:
    return


async def ask(
    exchange: Exchange,
    call_next: CallNext,
    tools: frozenset[str],
    answering: Answering,
    *,
    most_rounds: int,
    keep: Callable[[Inserted], None],
    counted: Callable[[int], None] = _nobody,
) -> Reply:
    """Bring the answer to an exchange that offers the tools with these names, without any call of them.

    An answer that calls nothing but them is not the client's: the calls are answered and the provider is asked again,
    at most `most_rounds` times; what is called after that is taken out. Calls beside the client's own are taken out
    and answered in the next turn, and so nothing is asked. Where nothing is hidden, the reply's bytes are the
    provider's (but for Responses, which repeat the request's tools: ours are taken out).

    A stream goes on with the events of the next round: one message, ids and model those of its first events, the usage
    that of its last round. Of whole answers the client is given the last. Every answer that it is not given is billed
    (`exchange.dropped`).

    `keep` is told once what was hidden, before the client has the end of the answer; never for an answer that breaks
    off or whose client leaves before. `counted` is told the number of the round, before each is asked for.

    A round that the provider refuses is asked once more with less in it. Raises what `call_next` raises; where that is
    a later round of a stream, the stream ends with its error.
    """
    shape = exchange.endpoint.shape
    if shape not in ("chat", "responses", "messages"):
        raise TypeError("tools are offered to models that are asked with messages")
    progress = Progress(shape, exchange, tools, answering, most_rounds, keep, counted)
    names = [b'"%b"' % name.encode() for name in tools]
    while True:
        reply = await next_round(progress, call_next)
        if reply.is_events and reply.stream is not None:
            return replace(reply, stream=Stream(ContinuedEvents(progress, reply.stream, call_next)))
        if reply.stream is not None or reply.status >= 300:
            return reply
        found = Reading()
        answer = None
        if any(name in reply.body for name in names):
            answer = reply.json()
            found = read(shape, answer, tools)
        if not progress.goes_on(found):
            break
        trail = exchange.trail
        progress.dropped(trail.provider, trail.model, answer)
        progress.go_on(answer, found)
    if isinstance(answer, dict):
        bare = without(shape, answer, tools)
        if bare != answer:
            reply = replace(reply.with_body(jsonio.dumps(bare)), parsed=bare)
    progress.end(answer, found, shown=False)
    return reply
