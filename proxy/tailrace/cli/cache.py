"""`tailrace cache`: what a running proxy has cached, and how to make it forget."""

from typing import Any

import click

from tailrace.cli.common import config_option


@click.group()
def cache() -> None:
    """Look at the caches of a running proxy, or delete from them.

    \b
    tailrace cache stats
    tailrace cache purge --model gpt-4o
    """


_ADDRESS = click.option("--url", help="Admin address; without it, admin.host and admin.port of the configuration.")
_TOKEN = click.option(
    "--token",
    envvar="TAILRACE_ADMIN_TOKEN",
    help="Admin token, instead of admin.token.  [env: TAILRACE_ADMIN_TOKEN]",
)


@cache.command()
@config_option
@_ADDRESS
@_TOKEN
@click.option("--json", "as_json", is_flag=True, help="The whole answer as JSON.")
def stats(path: str | None, url: str | None, token: str | None, as_json: bool) -> None:
    """Show hits, misses, reasons and sizes by cache.

    \b
    tailrace cache stats --config tailrace.yaml
    """
    from tailrace.cli.ask import ask_admin
    from tailrace.cli.tables import cache_tables
    from tailrace.wire import jsonio

    told = ask_admin(path, url, token, "GET", "/cache")
    if as_json:
        click.echo(jsonio.dumps(told))
        return
    cache_tables(told.get("caches") or {})


@cache.command()
@config_option
@_ADDRESS
@_TOKEN
@click.option("--cache", "name", help="Only this cache, such as semantic_cache.")
@click.option("--key", help="The entry with this key.")
@click.option("--tag", help="Entries stored with this tag (x-tailrace-cache-tags).")
@click.option("--model", help="Entries of this model, as clients name it.")
@click.option("--tenant", help="Entries of this tenant.")
@click.option("--question", help="Entries whose last user message fits this pattern; * and ? as in file names.")
@click.option("--older-than", help="Entries older than this: 30s, 10m, 2h, 1d.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
def purge(
    path: str | None, url: str | None, token: str | None, name: str | None, older_than: str | None, **parts: Any
) -> None:
    """Delete entries that fit all given options, for all tenants unless one is named.

    \b
    tailrace cache purge --tag release-notes
    tailrace cache purge --question '*refund*' --older-than 1h
    tailrace cache purge --all
    """
    from tailrace.cli.ask import ask_admin

    selector = {key: value for key, value in parts.items() if value not in (None, False)}
    if older_than is not None:
        selector["older_than_s"] = _seconds(older_than)
    if not selector:
        raise click.UsageError("say what is to go, for example --model gpt-4o, or --all")
    if name is not None:
        selector["cache"] = name
    told = ask_admin(path, url, token, "POST", "/cache/purge", selector)
    for cache_name, count in (told.get("purged") or {}).items():
        click.echo(f"{cache_name}: {count} deleted")


def _seconds(text: str) -> float:
    from pydantic import TypeAdapter, ValidationError

    from tailrace.config.values import Seconds

    try:
        return TypeAdapter[float](Seconds).validate_python(text)
    except ValidationError:
        raise click.BadParameter("write a duration like 30s, 10m, 2h, 1d", param_hint="--older-than") from None
