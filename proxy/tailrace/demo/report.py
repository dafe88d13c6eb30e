"""What the demo prints: the comparison, and the span tree of one turn."""

from collections.abc import Sequence
from statistics import median

from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from tailrace.demo.agent import MODEL, Loop
from tailrace.demo.spans import Span
from tailrace.prices import PriceTable
from tailrace.wire.usage import Usage

_SHOWN = (
    "http.response.status_code",
    "gen_ai.provider.name",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.response.time_to_first_chunk",
    "http.request.resend_count",
)


def comparison(runs: dict[str, Loop], overhead_ms: dict[str, float]) -> Table:
    """Rows of measures, a column a run."""
    table = Table(title="An agent loop, directly and through the proxy", title_justify="left")
    table.add_column("", no_wrap=True)
    for name in runs:
        table.add_column(name, justify="right", no_wrap=True)
    prices = PriceTable.shipped()
    loops = list(runs.values())
    totals = [_total(loop.usages) for loop in loops]
    table.add_row("turns (calls)", *(f"{len(x.turns_s)} ({x.calls})" for x in loops))
    table.add_row("whole loop", *(f"{sum(x.turns_s):.2f} s" for x in loops))
    table.add_row("a turn (medians)", *(f"{median(x.turns_s) * 1000:.0f} ms" for x in loops))
    table.add_row("first chunk", *(f"{median(x.first_s) * 1000:.0f} ms" for x in loops))
    table.add_row("input tokens", *(f"{u.input_tokens:,}" for u in totals))
    table.add_row("  from its cache", *(f"{u.cache_read_tokens:,}" for u in totals))
    table.add_row("output tokens", *(f"{u.output_tokens:,}" for u in totals))
    costs = [prices.cost("simulated", MODEL, u) for u in totals]
    table.add_row(f"cost as {MODEL}", *("unknown" if c is None else f"${c:.4f}" for c in costs))
    table.add_row("time in the proxy", *(_ms(overhead_ms.get(name)) for name in runs))
    return table


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} ms"


def _total(usages: Sequence[Usage]) -> Usage:
    return Usage(
        sum(u.input_tokens for u in usages),
        sum(u.output_tokens for u in usages),
        sum(u.cache_read_tokens for u in usages),
    )


def overhead(spans: Sequence[Span]) -> float | None:
    """The time of one request that was the proxy's own, in milliseconds: its span less its call to the provider."""
    server = next((s for s in spans if s.name.startswith("POST /v1/")), None)
    call = next((s for s in spans if server is not None and s.parent == server.id and s.name.startswith("chat ")), None)
    if server is None:
        return None
    # An answer from the cache calls nobody: all of it is the proxy's time.
    return server.duration_ms - call.duration_ms if call is not None else server.duration_ms


def span_tree(spans: Sequence[Span]) -> Tree:
    """One trace as a tree, with the attributes worth reading."""
    ids = {span.id for span in spans}
    roots = [span for span in spans if span.parent not in ids]
    tree = Tree(f"one turn as a trace ({spans[0].trace})")

    def grow(branch: Tree, span: Span) -> None:
        facts = ", ".join(
            f"{key.rpartition('gen_ai.')[2]}={_short(span.facts[key])}" for key in _SHOWN if key in span.facts
        )
        shown = branch.add(f"{span.name}  [bold]{span.duration_ms:.1f} ms[/bold]  [dim]{facts}[/dim]")
        for child in spans:
            if child.parent == span.id:
                grow(shown, child)

    for root in roots:
        grow(tree, root)
    return tree


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def say(console: Console, answer: str) -> None:
    """The agent's last words, shortened."""
    console.print(f"[dim]the agent's answer (made up by the simulation): {answer[:160]}…[/dim]\n", highlight=False)
