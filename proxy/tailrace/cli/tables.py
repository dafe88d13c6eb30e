"""What commands print for people."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def cache_tables(caches: Mapping[str, Mapping[str, Any]], console: Console | None = None) -> None:
    """One row a cache, then the models of each, the reasons, and any advice."""
    out = console or Console()
    if not caches:
        out.print("No cache is in the chain. The preset `safe` has one; `tailrace check` shows what is in force.")
        return
    table = Table("cache", title="caches since the start")
    for name in ("hits", "misses", "hit rate", "entries", "MB", "saved $", "saved s"):
        table.add_column(name, justify="right")
    for name, told in caches.items():
        table.add_row(
            name,
            str(told.get("hits", 0)),
            str(told.get("misses", 0)),
            _share(told.get("hit_rate")),
            str(told.get("entries", "-")),
            f"{told['bytes'] / 1e6:.1f}" if "bytes" in told else "-",
            f"{told.get('saved_usd', 0.0):.4f}",
            f"{told.get('saved_s', 0.0):.1f}",
        )
    out.print(table)
    for name, told in caches.items():
        for model, row in (told.get("by_model") or {}).items():
            out.print(f"{name}  {model}: {row['hits']} of {row['hits'] + row['misses']} hit", markup=False)
        for what in ("bypasses", "not_stored", "rejected"):
            for reason, count in (told.get(what) or {}).items():
                out.print(f"{name}  {what.replace('_', ' ')}: {reason} {count}", markup=False)
        if told.get("advice"):
            out.print(f"{name}: {told['advice']}", style="yellow", markup=False)


def _share(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.1%}"
