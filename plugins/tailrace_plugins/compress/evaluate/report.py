"""What `tailrace eval compress` says: a table for people, one line for programs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tailrace.prices import Price
from tailrace.wire.usage import Usage
from tailrace_plugins.compress.evaluate.edits import Edit
from tailrace_plugins.compress.evaluate.facts import Kept
from tailrace_plugins.compress.evaluate.replay import Replayed

_SHOWN_LOST: Final = 8


@dataclass(frozen=True, slots=True)
class Bill:
    """Input of some requests: tokens, those of them read from the cache, and dollars."""

    tokens: int
    cached: int
    usd: float

    @property
    def hit_rate(self) -> float:
        """The share of the input that was read from the cache."""
        return self.cached / self.tokens if self.tokens else 0.0


@dataclass(frozen=True, slots=True)
class PassCount:
    """Texts that the same passes made smaller, and their tokens before and after."""

    texts: int = 0
    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of a file. `savings`: by conversation, its share of the billed dollars, in the order of the file."""

    file: str
    requests: int
    before: Bill
    after: Bill
    savings: tuple[tuple[str, float], ...]
    passes: tuple[tuple[str, PassCount], ...]
    labels: tuple[tuple[str, int], ...]
    refused: tuple[tuple[str, int], ...]
    edits: int
    not_equal: int
    """Edits that were promised to lose nothing but do not decode to the same data, or that no pass accounts for, and
    requests with other changes."""
    again: int
    kept: Kept
    rounds: int
    folded: int
    tools: tuple[int, int]
    p50_ms: float
    p99_ms: float
    note: str = ""

    @property
    def net_saving(self) -> float:
        """The share of all billed dollars that is saved."""
        return _saving(self.before.usd, self.after.usd)

    @property
    def worst(self) -> tuple[str, float]:
        """The conversation in which least was saved."""
        return min(self.savings, key=lambda one: one[1])

    @property
    def lossless_ok(self) -> bool:
        """Whether every edit is what passes make of the text, and those that promise it decode to the same data."""
        return not self.not_equal


def report(file: str, replayed: Sequence[Replayed], price: Price, note: str = "") -> Report:
    """The figures of some conversations."""
    requests = [request for one in replayed for request in one.requests]
    savings = []
    for one in replayed:
        before = bill((request.before for request in one.requests), price)
        after = bill((request.after for request in one.requests), price)
        savings.append((one.id, _saving(before.usd, after.usd)))
    edits = [edit for one in replayed for edit in one.edits]
    wrong = sum(not edit.passes or (edit.lossless and not edit.equal) for edit in edits)
    kept = sum((one.kept for one in replayed), Kept())
    times = sorted(request.own_ms for request in requests)
    return Report(
        file,
        len(requests),
        bill((request.before for request in requests), price),
        bill((request.after for request in requests), price),
        tuple(savings),
        _by_pass(edits),
        _most(Counter(f"{request.action} {request.label}".strip() for request in requests)),
        _most(sum((request.refused for request in requests), Counter[str]())),
        len(edits),
        wrong + sum(one.strange for one in replayed),
        sum(one.again for one in replayed),
        kept,
        sum(request.rounds for request in requests),
        sum(one.folds > 0 for one in replayed),
        (sum(request.tools[0] for request in requests), sum(request.tools[1] for request in requests)),
        _at(times, 0.5),
        _at(times, 0.99),
        note,
    )


def _by_pass(edits: Sequence[Edit]) -> tuple[tuple[str, PassCount], ...]:
    found: dict[str, PassCount] = {}
    for edit in edits:
        name = " + ".join(edit.passes) or "unknown"
        known = found.get(name, PassCount())
        before, after = edit.tokens
        found[name] = PassCount(known.texts + 1, known.before + before, known.after + after)
    return tuple(sorted(found.items(), key=lambda item: (item[1].after - item[1].before, item[0])))


def bill(usages: Iterable[Usage], price: Price) -> Bill:
    """What some requests cost."""
    tokens = cached = 0
    usd = 0.0
    for usage in usages:
        tokens += usage.input_tokens
        cached += usage.cache_read_tokens
        usd += price.cost(usage)
    return Bill(tokens, cached, usd)


def line(report: Report) -> dict[str, Any]:
    """The last line."""
    return {
        "trajectories": len(report.savings),
        "requests": report.requests,
        "tokens_before": report.before.tokens,
        "tokens_after": report.after.tokens,
        "billed_before_usd": round(report.before.usd, 6),
        "billed_after_usd": round(report.after.usd, 6),
        "net_saving": round(report.net_saving, 4),
        "worst_trajectory_saving": round(report.worst[1], 4),
        "prefix_hit_before": round(report.before.hit_rate, 4),
        "prefix_hit_after": round(report.after.hit_rate, 4),
        "lossless_ok": report.lossless_ok,
        "added_p50_ms": round(report.p50_ms, 3),
        "added_p99_ms": round(report.p99_ms, 3),
    }


def shown(report: Report) -> RenderableType:
    """The bill before and after, what the passes did, and why other requests were left alone."""
    title = f"{report.file}: {len(report.savings):,} conversations, {report.requests:,} requests"
    # As Text: names of files may have brackets, which are markup otherwise.
    return Group(Text(title, style="italic"), _bills(report), _passes(report), Text(_caption(report), style="dim"))


def _bills(report: Report) -> Table:
    table = Table("", title="input")
    for name in ("as asked for", "as sent", "saved"):
        table.add_column(name, justify="right")
    before, after = report.before, report.after
    saved = _saving(before.tokens, after.tokens)
    table.add_row("tokens", f"{before.tokens:,}", f"{after.tokens:,}", f"{saved:.2%}")
    table.add_row("billed $", f"{before.usd:.4f}", f"{after.usd:.4f}", f"{report.net_saving:.2%}")
    points = 100 * (after.hit_rate - before.hit_rate)
    table.add_row("read from the cache", f"{before.hit_rate:.2%}", f"{after.hit_rate:.2%}", f"{points:+.2f} points")
    return table


def _passes(report: Report) -> Table:
    table = Table("pass", title="edited texts, each counted once")
    for name in ("texts", "tokens before", "after", "saved"):
        table.add_column(name, justify="right")
    for name, count in report.passes:
        saved = _saving(count.before, count.after)
        table.add_row(name, f"{count.texts:,}", f"{count.before:,}", f"{count.after:,}", f"{saved:.1%}")
    return table


def _caption(report: Report) -> str:
    rates = [saving for _, saving in report.savings]
    dearer = sum(saving < 0 for saving in rates)
    name, least = report.worst
    told = [
        f"saved by conversation: {sum(rates) / len(rates):.2%} on average, least {least:.2%} ({name}), {dearer} dearer",
        f"requests: {_listed(report.labels)}",
        f"texts not edited: {_listed(report.refused)}",
        f"edits: {report.edits:,}, {report.not_equal:,} not proven equal; sent otherwise later: {report.again:,}",
        f"facts used later: {report.kept.used:,}, {_share(report.kept)} of them still there or asked for"
        f" ({report.kept.asked:,} in {report.rounds:,} rounds, which are billed)",
        f"the plugin's own time: p50 {report.p50_ms:.3f} ms, p99 {report.p99_ms:.3f} ms",
    ]
    if report.tools[0] or report.tools[1]:
        told.append(f"tool definitions, in all requests: {report.tools[0]:,} tokens, sent as {report.tools[1]:,}")
    if report.folded:
        told.append(f"summaries: used in {report.folded:,} conversations")
    if report.kept.lost:
        told.append(f"lost: {', '.join(dict.fromkeys(report.kept.lost[:_SHOWN_LOST]))}")
    if report.note:
        told.append(report.note)
    return "\n".join(told)


def _share(kept: Kept) -> str:
    return f"{kept.kept / kept.used:.2%}" if kept.used else "all"


def _listed(counts: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts) or "none"


def _most(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _saving(before: float, after: float) -> float:
    return 1 - after / before if before else 0.0


def _at(ranked: Sequence[float], share: float) -> float:
    """The value at that share of sorted ones (nearest rank)."""
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else 0.0
