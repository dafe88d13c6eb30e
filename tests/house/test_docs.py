"""Documentation that fails the tests when it lies."""

import re
from importlib.metadata import version
from pathlib import Path

from tailrace.docs import render
from tailrace.registry import installed

ROOT = Path(__file__).parents[2]


def test_configuration_reference_is_up_to_date() -> None:
    written = (ROOT / "docs/configuration.md").read_text("utf-8")
    assert written == render(), "run `make docs`"


def test_every_setting_says_what_it_does() -> None:
    empty = [line for line in render().splitlines() if line.startswith("| `") and line.rstrip().endswith("|  |")]
    assert not empty


def test_every_header_of_ours_is_documented() -> None:
    used = set()
    sources = [*(ROOT / "proxy").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    # The simulated provider forges one, to see that it does not pass.
    for path in (path for path in sources if "sim" not in path.parts):
        used |= set(re.findall(r"x-tailrace-[a-z][a-z-]*[a-z]", path.read_text("utf-8")))
    readme = (ROOT / "README.md").read_text("utf-8")
    assert used and not {name for name in used if name not in readme}


def test_every_plugin_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    ours = {name for name, entry in installed().items() if entry.value.startswith("tailrace_plugins.")}
    assert ours and not {name for name in ours if f"`{name}`" not in readme}


def test_changelog_has_this_version() -> None:
    assert f"## {version('tailrace')}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
