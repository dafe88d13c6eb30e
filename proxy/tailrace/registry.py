"""Where plugins come from: entry points in, checked classes and settings out. Only listed plugins are imported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError

from tailrace.chain import AnyPlugin, order_problems
from tailrace.config.problems import Problem, from_validation, nearest
from tailrace.plugin import Plugin, PluginSettings, Services

GROUP = "tailrace.plugins"


@dataclass(frozen=True, slots=True)
class Planned:
    """A plugin that is ready to be made: its class and its checked settings."""

    plugin: type[AnyPlugin]
    settings: PluginSettings

    def make(self, services: Services) -> AnyPlugin:
        """Make the instance; nothing is opened before its `start`."""
        return self.plugin(self.settings, services)


def installed() -> dict[str, EntryPoint]:
    """Every plugin that is installed, by name, without importing any."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def plan(entries: Sequence[Mapping[str, Mapping[str, Any] | None]]) -> tuple[list[Planned], list[Problem]]:
    """Check the `plugins` section: each name, each setting, and the order. Returns what could be planned and every
    mistake; nothing may be started while there is one.
    """
    known = installed()
    planned: list[Planned] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for position, entry in enumerate(entries):
        for name, raw in entry.items():
            path = ("plugins", position, name)
            if name not in known:
                problems.append(Problem(path, f"no such plugin is installed{nearest(name, known)}"))
                continue
            if name in seen:
                problems.append(Problem(path, "stands in the chain twice"))
                continue
            seen.add(name)
            plugin = load_class(known[name])
            if isinstance(plugin, str):
                problems.append(Problem(path, plugin))
                continue
            try:
                planned.append(Planned(plugin, plugin.Settings.model_validate(raw or {})))
            except ValidationError as error:
                problems += from_validation(error, plugin.Settings, path)
    positions = {name: position for position, entry in enumerate(entries) for name in entry}
    for wrong in order_problems([p.plugin for p in planned]):
        message = (
            f"must stand below {wrong.must_follow}: move this line down, behind plugins[{positions[wrong.must_follow]}]"
        )
        problems.append(Problem(("plugins", positions[wrong.plugin], wrong.plugin), message))
    return planned, problems


def load_class(entry: EntryPoint) -> type[AnyPlugin] | str:
    """The plugin's class, or a sentence that says why it cannot be used."""
    try:
        plugin = entry.load()
    except ImportError as error:
        extra = f"; is an extra missing (pip install 'tailrace[{entry.name}]')?" if error.name else ""
        return f"cannot be imported: no module {error.name!r}{extra}" if error.name else "cannot be imported"
    except Exception as error:  # noqa: BLE001 - a foreign module may raise anything while it is imported
        return f"cannot be imported: {type(error).__name__}"
    if not (isinstance(plugin, type) and issubclass(plugin, Plugin)):
        return f"{entry.value} is no tailrace Plugin"
    if getattr(plugin, "name", None) != entry.name:
        return f"its class is named {getattr(plugin, 'name', None)!r}, its entry point {entry.name!r}: make them equal"
    return plugin
