"""The README's plugin is run, so that it cannot lie."""

import re
import types
from pathlib import Path
from typing import Any

import yaml

from tailrace.config.models import Config
from tailrace.config.yaml12 import Loader
from tailrace.plugin import Services
from tailrace.registry import plan
from tailrace.testing import exchange, run, whole

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def greeter() -> Any:
    module = types.ModuleType("greeter_of_the_readme")
    exec(blocks("python")[0], module.__dict__)
    return module


async def test_the_plugin_answers_its_greeting() -> None:
    module = greeter()
    plugin = module.Greeter(module.GreeterSettings(word="hi"), Services())
    payload = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    result = await run(plugin, exchange(payload), whole({}))
    assert result.action == "acted" and result.label == "greeted" and result.facts == {"length": 2}
    assert b"pong" in result.body
    assert not result.upstream.got


async def test_the_plugin_stands_aside_otherwise() -> None:
    module = greeter()
    plugin = module.Greeter(module.GreeterSettings(word="hi"), Services())
    payload = {"model": "m", "messages": [{"role": "user", "content": "something else"}]}
    result = await run(plugin, exchange(payload), whole({}))
    assert result.action == "stood-aside" and result.label == "no-greeting"
    assert len(result.upstream.got) == 1


def test_the_configuration_is_one() -> None:
    config = Config.model_validate(yaml.load(blocks("yaml")[0], Loader=Loader))
    planned, problems = plan(config.plugins)
    assert not problems and [p.plugin.name for p in planned] == ["stream", "defaults", "exact_cache", "router"]


def test_its_files_are_there() -> None:
    root = Path(__file__).parents[2] / "proxy/tailrace"
    told = README.split("## The way of a request")[1].split("\n## ")[0]
    named = set(re.findall(r"`((?:[a-z0-9_]+/)*[a-z0-9_]+\.py)`", told.replace("proxy/tailrace/", "")))
    assert len(named) > 10
    places = ("", "http", "upstream", "wire")
    assert not {name for name in named if not any((root / place / name).exists() for place in places)}
