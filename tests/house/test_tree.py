"""The house's rules about files: what a newcomer may rely on when looking for something."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {"": ROOT / "proxy/tailrace", "plugins": ROOT / "plugins/tailrace_plugins"}
# Tests of the whole, which mirror no single file.
WHOLE = {"e2e", "bench", "evals", "house", "typing", "kit"}

TOP = {
    "pyproject.toml", "proxy", "plugins", "tests", "deploy", "grafana", "README.md",
    "Makefile", ".ci", "docs", "CHANGELOG.md", "LICENSE", ".gitignore",
}  # fmt: skip


def tracked(pattern: str = "*") -> list[Path]:
    """Files git knows or would add; outside a checkout every file."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode == 0:
        return [ROOT / line for line in found.stdout.splitlines() if (ROOT / line).exists()]
    return [path for path in ROOT.rglob(pattern) if ".venv" not in path.parts]


def mirrored(test: Path) -> list[Path]:
    """The source files, one of which a test file must stand for."""
    parts = test.relative_to(ROOT / "tests").parts
    base = SOURCES["plugins"] if parts[0] == "plugins" else SOURCES[""]
    folders = parts[1:-1] if parts[0] == "plugins" else parts[:-1]
    name = parts[-1].removeprefix("test_").removesuffix(".py")
    folder = base.joinpath(*folders)
    # A long test file is split by subject: test_chain_turns.py stands beside test_chain.py.
    words = name.split("_")
    names = ["_".join(words[:count]) for count in range(len(words), 0, -1)]
    return [
        path
        for name in names
        for path in (folder / f"{name}.py", folder / name / "__init__.py", folder / f"__{name}__.py")
    ]


def test_tests_mirror_the_source() -> None:
    orphans = [
        str(test.relative_to(ROOT))
        for test in tracked("tests/**test_*.py")
        if test.relative_to(ROOT / "tests").parts[0] not in WHOLE
        and not test.name.startswith("test_e2e")
        and not test.name.startswith("test_cases")
        and not any(source.exists() for source in mirrored(test))
    ]
    assert not orphans, f"no source file for: {orphans}"


def test_every_part_has_tests() -> None:
    """Each folder of the source has a folder of tests, but for those that only e2e tests can see."""
    seen_by_e2e = {"cli", "data", "demo"}
    missing = [
        folder.name
        for folder in (ROOT / "proxy/tailrace").iterdir()
        if folder.is_dir() and not folder.name.startswith("__") and folder.name not in seen_by_e2e
        if not list((ROOT / "tests" / folder.name).rglob("test_*.py"))
    ]
    assert not missing


def test_top_level_is_fixed() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} <= TOP


@pytest.mark.parametrize("path", tracked("*.py"), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_small(path: Path) -> None:
    lines = path.read_text("utf-8").count("\n")
    assert lines <= 400, "a file that nears 400 lines becomes a package of private modules"


def test_nothing_is_called_v2() -> None:
    assert not [path for path in tracked() if re.search(r"_(v\d|new|old|final)\.py$", path.name)]


def test_decisions_are_numbered() -> None:
    numbers = [path.name[:3] for path in sorted((ROOT / "docs/decisions").glob("*.md"))]
    assert numbers == [f"{n:03}" for n in range(1, len(numbers) + 1)]
