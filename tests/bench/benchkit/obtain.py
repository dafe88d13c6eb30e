"""nginx and LiteLLM, fetched once into .cache/bench without root; Unavailable says why when they cannot be had."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchkit.machine import CACHE, clean_environment

# 1.82.7 and 1.82.8 were malicious uploads; a pin also keeps the comparison the same from run to run.
LITELLM = "litellm[proxy]==1.106.2"
Say = Callable[[str], None]


class Unavailable(Exception):
    """A subject that cannot be had on this machine."""


def run(command: list[str | Path], cwd: Path, timeout_s: float) -> str:
    """Run a command quietly; Unavailable with the end of its output when it fails."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{name}: {error}") from error
    if done.returncode:
        raise Unavailable(f"{name} failed: {' / '.join(done.stdout.strip().splitlines()[-3:])}")
    return done.stdout


def nginx(say: Say) -> tuple[Path, str]:
    """The binary and its version: from PATH, else unpacked from Debian's package."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
    binary = Path(found) if found else CACHE / "nginx" / "root" / "usr" / "sbin" / "nginx"
    if not binary.exists():
        if not shutil.which("apt-get") or not shutil.which("dpkg"):
            raise Unavailable("nginx is not on PATH, and without apt-get and dpkg it cannot be unpacked from Debian")
        say("fetching nginx from Debian (once, no root)")
        folder = CACHE / "nginx"
        folder.mkdir(parents=True, exist_ok=True)
        run(["apt-get", "download", "nginx", "nginx-common"], folder, 120)
        for package in sorted(folder.glob("*.deb")):
            run(["dpkg", "-x", package, folder / "root"], folder, 60)
        if not binary.exists():
            raise Unavailable(f"Debian's package did not bring {binary.relative_to(folder / 'root')}")
    said = run([binary, "-v"], CACHE, 10)
    match = re.search(r"nginx/(\S+)", said)
    return binary, match[1] if match else said.strip()


def litellm(say: Say) -> tuple[Path, str]:
    """The `litellm` program in a venv of its own, and its version."""
    folder = CACHE / "litellm-venv"
    program = folder / "bin" / "litellm"
    # Written when pip is through: an interrupted installation is begun afresh.
    complete = folder / "complete"
    if not complete.exists() or complete.read_text() != LITELLM:
        say(f"installing {LITELLM} into .cache/bench/litellm-venv (once, about a minute)")
        run([sys.executable, "-m", "venv", "--clear", folder], CACHE, 120)
        run([folder / "bin" / "pip", "install", "--quiet", LITELLM], CACHE, 1200)
        complete.write_text(LITELLM)
    version = litellm_version(folder)
    if not version or not program.exists():
        raise Unavailable("pip installed no litellm program")
    return program, version


def litellm_version(folder: Path) -> str | None:
    """The version in the venv, read without importing it (that takes seconds)."""
    for info in folder.glob("lib/python*/site-packages/litellm-*.dist-info"):
        return info.name.removeprefix("litellm-").removesuffix(".dist-info")
    return None
