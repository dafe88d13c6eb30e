"""`tailrace router export`."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import click

from tailrace.cli.common import config_option, load_or_exit
from tailrace.wire import jsonio
from tailrace_plugins.router.cascade.export import Format, line_of
from tailrace_plugins.router.cascade.pairs import read_pairs

_WHY = {
    "accepted": "accepted, so there is no second answer to compare with",
    "media": "with images, audio or files",
    "no-answer": "without an answer",
    "no-cheap-answer": "whose cheap answer was dropped before it was whole",
    "no-messages": "without messages",
    "other-tenant": "of other tenants",
    "not-asked-for": "left out by --only",
    "unreadable": "unreadable (a half-written line, say)",
}


@click.command("export")
@config_option
@click.option(
    "--data-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the proxy keeps its files, instead of data_dir of the configuration.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["sft", "preference"]),
    default="sft",
    show_default=True,
    help="sft: each request with the better answer. preference: the strong answer over the cheap one.",
)
@click.option("--tenant", help="Only requests of this tenant.")
@click.option("--only", type=click.Choice(["accepted", "escalated"]), help="Only requests that ended so.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def command(
    path: str | None,
    data_dir: Path | None,
    form: Format,
    tenant: str | None,
    only: str | None,
    out: Path,
    force: bool,
) -> None:
    """Write what the cascade kept (keep_pairs) as JSONL for fine-tuning, in OpenAI's format.

    The file holds prompts and answers of the tenants in it, and is readable by you alone.

    \b
    tailrace router export --out pairs.jsonl
    tailrace router export --format preference --tenant acme --out acme.jsonl
    """
    folder = (data_dir if data_dir is not None else Path(load_or_exit(path).config.data_dir)) / "router"
    skipped: Counter[str] = Counter()
    written = 0
    try:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
        with os.fdopen(os.open(out, flags, 0o600), "wb") as file:
            out.chmod(0o600)
            for row in read_pairs(folder):
                line = _line(row, form, tenant, only)
                if isinstance(line, str):
                    skipped[line] += 1
                    continue
                file.write(jsonio.dumps(line) + b"\n")
                written += 1
    except FileExistsError:
        raise click.ClickException(f"{out} is there already; --force writes over it") from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or out}: {error.strerror}") from None
    click.echo(f"{out}: {written} written, {skipped.total()} skipped. It holds prompts: keep it as you keep those.")
    for why, count in skipped.most_common():
        click.echo(f"  {count} {_WHY.get(why, why)}")
    if not written and not skipped:
        click.echo(f"  nothing is kept in {folder}; the router keeps pairs with cascade.keep_pairs")


def _line(row: dict[str, Any] | None, form: Format, tenant: str | None, only: str | None) -> dict[str, Any] | str:
    if row is None:
        return "unreadable"
    if tenant is not None and row.get("tenant") != tenant:
        return "other-tenant"
    if only is not None and row.get("accepted") is not (only == "accepted"):
        return "not-asked-for"
    return line_of(row, form)
