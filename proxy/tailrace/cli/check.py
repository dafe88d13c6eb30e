"""`tailrace check`, `plugins` and `schema`: what would be served, and what can be configured."""

import click

from tailrace.cli.common import config_option, exit_with, load_or_exit


@click.command()
@config_option
def check(path: str | None) -> None:
    """Check a configuration; print what would be in force, with secrets masked, and the chain.

    \b
    tailrace check --config tailrace.yaml
    Exit code 0 if it can be served, 78 with every mistake named if not.
    """
    import os
    from dataclasses import replace

    import yaml

    from tailrace.app import checked_plan
    from tailrace.config import ConfigError
    from tailrace.config.implied import with_implied
    from tailrace.config.load import safe_to_listen

    loaded = load_or_exit(path)
    loaded = replace(loaded, config=with_implied(loaded.config, os.environ)[0])
    try:
        planned = checked_plan(loaded)
        safe_to_listen(loaded)
    except ConfigError as error:
        exit_with(error)
    effective = loaded.config.model_dump(mode="json")
    # Plugin settings as they will be in force, defaults included and secrets masked, not as they were written.
    effective["plugins"] = [{p.plugin.name: p.settings.model_dump(mode="json")} for p in planned]
    click.echo(yaml.safe_dump(effective, sort_keys=False, width=100), nl=False)
    click.echo(f"# chain: {' -> '.join([p.plugin.name for p in planned] + ['upstream'])}")


@click.command()
def plugins() -> None:
    """List the installed plugins and their settings."""
    from tailrace.config.reference import setting_rows
    from tailrace.registry import installed, load_class

    for name, entry in sorted(installed().items()):
        plugin = load_class(entry)
        if isinstance(plugin, str):
            click.echo(f"{name}: {plugin}")
            continue
        click.echo(f"{name}  ({entry.value})")
        click.echo(f"  {(plugin.__doc__ or '').strip().splitlines()[0]}")
        for row in setting_rows(plugin.Settings):
            click.echo(f"    {row.key}: {row.type} = {row.default}")
            click.echo(f"        {row.text}")


@click.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, plugins included, for editors.

    \b
    tailrace schema > tailrace.schema.json
    # yaml-language-server: $schema=tailrace.schema.json
    """
    import orjson

    from tailrace.config.reference import json_schema
    from tailrace.registry import installed, load_class

    classes = {name: load_class(entry) for name, entry in sorted(installed().items())}
    found = {name: plugin.Settings for name, plugin in classes.items() if not isinstance(plugin, str)}
    click.echo(orjson.dumps(json_schema(found), option=orjson.OPT_INDENT_2))
