"""What is told of a request: tokens before and after, by pass, refusals, and what was saved at billed rates. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tailrace.exchange import DroppedBill, Outcome
from tailrace.prices import Price
from tailrace.wire.usage import Usage
from tailrace_plugins.compress.chain import Decision, Links
from tailrace_plugins.compress.planner import Reason, cost_of_prompt


@dataclass(frozen=True, slots=True)
class Report:
    """A request's edits: those of this turn and those replayed, and why other texts were not edited."""

    edits: Mapping[int, Decision] = field(default_factory=dict)
    """By the message's index."""
    new_from: int = 0
    """The index from which on messages were never sent before."""
    new_pieces: int = 0
    refused: tuple[Reason, ...] = ()

    @property
    def before(self) -> int:
        """Tokens of all edited texts as the client sent them."""
        return sum(edit.before for decision in self.edits.values() for edit in decision)

    @property
    def after(self) -> int:
        """Tokens of all edited texts as they are sent on."""
        return sum(edit.after for decision in self.edits.values() for edit in decision)


def facts(report: Report) -> dict[str, str | int]:
    """What is noted before the request goes on; `passes` and `refused` are words and counts, most frequent first."""
    told: dict[str, str | int] = {
        "tokens_before": report.before,
        "tokens_after": report.after,
        "saved_tokens": report.before - report.after,
        "new_pieces": report.new_pieces,
        "edited_pieces": sum(len(decision) for decision in report.edits.values()),
    }
    if report.edits:
        told["passes"] = counted(
            name for decision in report.edits.values() for edit in decision for name in edit.passes
        )
    if report.refused:
        told["refused"] = counted(report.refused)
    return told


def counted(words: Iterable[str]) -> str:
    """`tabular:3,minify:1`."""
    return ",".join(
        f"{word}:{count}" for word, count in sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))
    )


@dataclass(frozen=True, slots=True)
class Saved:
    """Input tokens saved in one request, and dollars, net: negative where it cost more than it saved; None where that
    is not known.
    """

    tokens: int
    usd: float | None


@dataclass(frozen=True, slots=True)
class Beside:
    """What was saved or spent in a request beside the edits of texts.

    `tools`: tokens by which the definitions are fewer, negative where the proxy's own are added. `fold`: those that a
    summary saves. `carried`: those of what the model has read in earlier turns and the client does not know of;
    `inserted`: the same, of this turn. `before`: where the provider's cached prefix was broken, the tokens that it
    would have had in its cache. `spent_usd`: what answers were billed that the client was not given, None where a price
    is not known.
    """

    tools: int = 0
    fold: int = 0
    carried: int = 0
    inserted: int = 0
    before: int | None = None
    spent_usd: float | None = 0.0


def inserted_tokens(rounds: Sequence[DroppedBill], outcome: Outcome) -> int:
    """The tokens that came into the prompt in rounds which the client does not see: the last prompt is longer by them
    than the first.
    """
    if not rounds or outcome.usage is None:
        return 0
    return max(0, outcome.usage.input_tokens - rounds[0].usage.input_tokens)


def saved(
    report: Report,
    chain: Links,
    body_bytes: int,
    outcome: Outcome,
    price: Price | None,
    beside: Beside = Beside(),
) -> Saved | None:
    """What compression has saved in a request, net; None where no provider answered it.

    A text that the provider read from its cache would have been read from it in its longer form, too: it is worth the
    cached price. What was sent for the first time, and what stands behind the part that was read, is worth the input
    price. Where the cached part ends is known in tokens and where a message begins in bytes of the request (`chain` and
    `body_bytes` are as the client sent it), so that the place of an older edit is an estimate; one that begins before
    the end counts as read.
    """
    if outcome.status != 200 or outcome.state == "failed":
        return None
    tokens = report.before - report.after + beside.tools + beside.fold - beside.carried - beside.inserted
    usage = outcome.usage
    if price is None or usage is None or usage.estimated or beside.spent_usd is None:
        return Saved(tokens, None)
    read = price.input if price.cache_read is None else min(price.cache_read, price.input)
    starts = _starts(chain, body_bytes)
    usd = 0.0
    for index, decision in report.edits.items():
        is_read = index < report.new_from and _begins_in_cache(starts.get(index, 0.0), usage)
        less = sum(edit.before - edit.after for edit in decision)
        usd += less * (read if is_read else price.input) / 1_000_000
    in_cache = read if usage.cache_read_tokens else price.input
    usd += ((beside.tools + beside.fold - beside.carried) * in_cache - beside.inserted * price.input) / 1_000_000
    if beside.before is not None:
        # All behind the break was billed as new, and would have been read.
        alone = cost_of_prompt(price, usage.input_tokens + tokens, beside.before)
        usd = alone - cost_of_prompt(price, usage.input_tokens, usage.cache_read_tokens)
    return Saved(tokens, usd - beside.spent_usd)


def _starts(chain: Links, body_bytes: int) -> dict[int, float]:
    """By the message's index, the share of the request that stands before it."""
    whole = max(body_bytes, sum(chain.sizes), 1)
    # Tools, instructions and parameters stand before all messages, wherever the client wrote them.
    at = whole - sum(chain.sizes)
    starts = {}
    for offset, size in enumerate(chain.sizes):
        starts[chain.first + offset] = at / whole
        at += size
    return starts


def _begins_in_cache(share: float, usage: Usage) -> bool:
    return usage.cache_read_tokens > 0 and share * usage.input_tokens < usage.cache_read_tokens
