"""From a YAML file and the environment to a `Config`: defaults < file < `TAILRACE__SECTION__KEY`."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tailrace.config.models import Config
from tailrace.config.problems import ConfigError, Problem, from_validation, nearest
from tailrace.config.problems import Path as KeyPath
from tailrace.config.yaml12 import Loader

ENV_PREFIX = "TAILRACE__"
_MOST_VALUES = 100_000
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Places:
    """Where each key stands in the file, so that a mistake can be shown with its line."""

    file: str = ""
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    from_env: Mapping[KeyPath, str] = field(default_factory=dict)

    def of(self, path: KeyPath) -> str:
        """`file:line` of the key, or of the nearest part above it that has a line; the variable if it came from one."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.from_env:
                return self.from_env[path[:length]]
            if path[:length] in self.lines:
                return f"{self.file}:{self.lines[path[:length]]}"
        return self.file

    def placed(self, problems: list[Problem]) -> list[Problem]:
        """The same problems, each with its place."""
        return [Problem(p.path, p.message, p.place or self.of(p.path)) for p in problems]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, and where each of its keys came from."""

    config: Config
    places: Places


def load(path: str | None = None) -> Loaded:
    """Read the file (`path`, else `TAILRACE_CONFIG`, else none) and the environment.

    Raises `ConfigError` with every mistake that can be found at once: unreadable file, unknown keys, wrong values,
    unset `${VARIABLES}`, references to providers that are not there.
    """
    env = os.environ
    path = path or env.get("TAILRACE_CONFIG") or None
    data, lines = _read(path) if path else ({}, {})
    problems: list[Problem] = []
    data = _resolve(data, (), env, problems)
    # pydantic-settings would take these as arguments of its own.
    problems += [Problem((key,), "unknown key") for key in data if key.startswith("_")]
    data = {key: value for key, value in data.items() if not key.startswith("_")}
    problems += _unknown_variables(env)
    places = Places(path or "", lines, _variables(env))
    config: Config | None = None
    try:
        config = Config(**data)
    except ValidationError as error:
        problems += from_validation(error, Config)
    except Exception as error:  # noqa: BLE001 - pydantic-settings raises its own type for JSON that does not parse
        problems.append(_unreadable_variable(str(error)))
    if config is not None:
        problems += _references(config)
    if problems or config is None:
        raise ConfigError(places.placed(problems))
    return Loaded(config, places)


def _read(path: str) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError([Problem((), f"cannot read the configuration: {reason}", path)]) from None
    lines: dict[KeyPath, int] = {}
    problems: list[Problem] = []
    try:
        node = yaml.compose(text, Loader=Loader)
        if node is not None:
            _mark(node, (), lines, problems, path, [])
            if not problems and _size(node, {}) > _MOST_VALUES:
                problems.append(Problem((), f"its aliases stand for more than {_MOST_VALUES} values", path))
        data = yaml.load(text, Loader=Loader) if not problems else {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark is not None else path
        what = getattr(error, "problem", None) or "it does not parse"
        raise ConfigError([Problem((), f"not valid YAML: {what}", place)]) from None
    if problems:
        raise ConfigError(problems)
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError([Problem((), "the top level must be a mapping of sections", f"{path}:1")])
    return data, lines


def _size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """How many values the node stands for with every alias written out."""
    if id(node) not in sizes:
        parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        inner = 0 if isinstance(node, yaml.ScalarNode) else sum(_size(part, sizes) for part in parts)
        sizes[id(node)] = 1 + inner
    return sizes[id(node)]


def _mark(
    node: yaml.Node,
    path: KeyPath,
    lines: dict[KeyPath, int],
    problems: list[Problem],
    file: str,
    above: list[yaml.Node],
) -> None:
    """Note the line of every key, as far as there are not too many; an alias of a part above is a mistake."""
    if any(node is other for other in above):
        problems.append(Problem(path, "refers to what it stands in", f"{file}:{lines.get(path, 1)}"))
        return
    if len(lines) > _MOST_VALUES:
        return
    above = [*above, node]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            line = key.start_mark.line + 1
            if here in lines:
                problems.append(Problem(here, f"stands here twice (first in line {lines[here]})", f"{file}:{line}"))
            lines[here] = line
            _mark(value, here, lines, problems, file, above)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            lines[(*path, position)] = value.start_mark.line + 1
            _mark(value, (*path, position), lines, problems, file, above)


def _resolve(value: Any, path: KeyPath, env: Mapping[str, str], problems: list[Problem]) -> Any:
    """Replace `${NAME}` and `${NAME:-default}` in every string."""
    if isinstance(value, dict):
        return {str(key): _resolve(item, (*path, str(key)), env, problems) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, (*path, position), env, problems) for position, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def found(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if env.get(name):
            return env[name]
        if default is None:
            problems.append(Problem(path, f"the environment variable {name} is not set"))
            return ""
        return default

    return _REFERENCE.sub(found, value)


def _variables(env: Mapping[str, str]) -> dict[KeyPath, str]:
    return {
        tuple(part.lower() for part in name[len(ENV_PREFIX) :].split("__")): name
        for name in env
        if name.upper().startswith(ENV_PREFIX)
    }


def _unreadable_variable(told: str) -> Problem:
    """pydantic-settings names the field whose JSON does not parse; its text is not repeated, it may hold a secret."""
    field_name = told.split('"')[1] if told.count('"') >= 2 else ""
    variable = f"{ENV_PREFIX}{field_name.upper()}"
    return Problem((field_name,) if field_name else (), "its JSON does not parse", variable)


def _unknown_variables(env: Mapping[str, str]) -> list[Problem]:
    """pydantic-settings looks only for the fields it knows; a misspelt section would silently do nothing."""
    return [
        Problem(path[:1], f"unknown section{nearest(str(path[0]), Config.model_fields)}", name)
        for path, name in _variables(env).items()
        if path[0] not in Config.model_fields
    ]


def _references(config: Config) -> list[Problem]:
    problems = []
    if config.models and not any(model.targets for model in config.models.values()):
        first = next(iter(config.models))
        problems.append(Problem(("models", first, "route"), "no model has targets that could be chosen"))
    for name, model in config.models.items():
        for position, target in enumerate(model.targets):
            path = ("models", name, "targets", position)
            provider, slash, upstream_model = target.partition("/")
            if not slash or not upstream_model:
                problems.append(Problem(path, f"write {target!r} as provider/model"))
            elif provider not in config.providers:
                problems.append(Problem(path, f"no provider {provider!r}{nearest(provider, config.providers)}"))
    for name, given in config.providers.items():
        if given.dialect == "litellm" and find_spec("litellm") is None:
            message = "needs litellm, which is not installed: pip install 'tailrace[litellm]'"
            problems.append(Problem(("providers", name, "dialect"), message))
    tenants: dict[str, str] = {}
    for tenant, key in config.keys.static.items():
        other = tenants.setdefault(key.get_secret_value(), tenant)
        if other != tenant:
            problems.append(Problem(("keys", "static", tenant), f"is the same key as that of {other!r}"))
    for position, entry in enumerate(config.plugins or ()):
        if len(entry) != 1:
            problems.append(Problem(("plugins", position), "write one plugin an entry, as `- name: {settings}`"))
    return problems


def safe_to_listen(loaded: Loaded) -> None:
    """Refuse to listen where strangers could spend the operator's money; raises `ConfigError`.

    Apart from `load`, because providers may also come from the environment (`implied`), the host from the command line.
    """
    config = loaded.config
    problems = []
    owned = [name for name, provider in config.providers.items() if provider.is_ours]
    if config.server.host not in _LOOPBACK and owned and not config.keys.static:
        message = (
            f"listens beyond loopback with your own key for {', '.join(owned)} and no client keys: anyone could spend "
            "it; set keys.static, or leave api_key out so that clients bring their own"
        )
        problems.append(Problem(("server", "host"), message))
    if config.admin.enabled and config.admin.host not in _LOOPBACK and config.admin.token is None:
        problems.append(Problem(("admin", "token"), "is required when the admin port listens beyond loopback"))
    if problems:
        raise ConfigError(loaded.places.placed(problems))
