"""`python -m tailrace.docs`: write the configuration reference from the settings themselves (`make docs`)."""

from pathlib import Path

import click
from pydantic import BaseModel

from tailrace.config.models import Config
from tailrace.config.reference import SettingRow, setting_rows
from tailrace.registry import installed, load_class

TARGET = Path("docs/configuration.md")

_HEAD = """# Configuration reference

Made by `make docs` from the settings in the code; a test fails when it is not up to date. Do not edit it by hand.

Defaults < YAML file (`--config`, `TAILRACE_CONFIG`) < environment (`TAILRACE__SECTION__KEY`, for example
`TAILRACE__SERVER__PORT=8080`). `${NAME}` and `${NAME:-default}` in the file stand for environment variables. Durations
are seconds, or `500ms`, `30s`, `5m`, `1h`. `tailrace check` prints what is in force, `tailrace schema` a JSON Schema
for editors.
"""


def render() -> str:
    """The whole reference as Markdown."""
    parts = [_HEAD]
    for name, field in Config.model_fields.items():
        parts.append(f"\n## {name}\n\n{' '.join((field.description or '').split())}\n")
        rows = [row for row in setting_rows(Config) if row.key == name or row.key.startswith(f"{name}.")]
        inner = [row for row in rows if row.key != name] or rows
        parts.append(_table(inner))
    parts.append(
        "\n# Plugins\n\nSettings of the plugins that come with Tailrace, in `plugins: [- name: {settings}]`.\n"
    )
    for name, entry in sorted(installed().items()):
        plugin = load_class(entry)
        if isinstance(plugin, str) or not entry.value.startswith("tailrace_plugins."):
            continue
        parts.append(f"\n## plugin {name}\n\n{' '.join((plugin.__doc__ or '').split())}\n")
        parts.append(plugin_table(plugin.Settings))
    return "".join(parts)


def plugin_table(settings: type[BaseModel]) -> str:
    """The settings of one plugin as a Markdown table."""
    return _table(list(setting_rows(settings)))


def _table(rows: list[SettingRow]) -> str:
    lines = ["\n| setting | type | default | what it does |\n|---|---|---|---|\n"]
    for row in rows:
        cells = [f"`{row.key}`", row.type, f"`{row.default}`", row.text]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return "".join(lines)


if __name__ == "__main__":
    TARGET.write_text(render(), "utf-8")
    click.echo(f"written: {TARGET}")
