"""The proxy as a process: started, watched, stopped."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

TAILRACE = str(Path(sys.executable).parent / "tailrace")


@dataclass
class Served:
    """A proxy process that is listening."""

    process: subprocess.Popen[str]
    port: int
    admin_port: int
    log: Path

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    @property
    def admin(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def config(self) -> Path:
        return self.log.parent / "tailrace.yaml"

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float = 20) -> int:
        return self.process.wait(timeout_s)

    def lines(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()

    def descriptors(self) -> int:
        return psutil.Process(self.process.pid).num_fds()

    def rss_bytes(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)


Serve = Callable[..., Served]


def clean_env(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would configure a proxy."""
    keep = {
        k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and not k.startswith(("OTEL_", "TAILRACE"))
    }
    return {**keep, **(extra or {})}


def start(config: Mapping[str, Any], folder: Path, env: Mapping[str, str] | None = None) -> Served:
    """Start a proxy and wait until it listens."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tailrace.yaml"
    path.write_text(yaml.safe_dump(dict(config), sort_keys=False))
    log = folder / "stderr.log"
    with log.open("w") as sink:
        process = subprocess.Popen(
            [TAILRACE, "serve", "--config", str(path)],
            stderr=sink,
            stdout=subprocess.DEVNULL,
            text=True,
            cwd=folder,
            env=clean_env(env),
        )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        text = log.read_text()
        found = re.search(r"listening\s+http://\S+?:(\d+)/v1", text)
        admin = re.search(r"admin\s+http://\S+?:(\d+)/", text)
        if found and "traces " in text:
            return Served(process, int(found[1]), int(admin[1]) if admin else 0, log)
        if process.poll() is not None:
            raise AssertionError(f"the proxy ended with {process.returncode}: {text}")
        time.sleep(0.02)
    process.kill()
    raise AssertionError(f"the proxy does not listen: {log.read_text()}")


@contextmanager
def serving(folder: Path) -> Iterator[Serve]:
    """A function that starts proxies; all are killed when the block is left."""
    started: list[Served] = []

    def serve(config: Mapping[str, Any], env: Mapping[str, str] | None = None) -> Served:
        served = start(config, folder / f"proxy-{len(started)}", env)
        started.append(served)
        return served

    yield serve
    for served in started:
        served.process.kill()
        served.process.wait()


def proxy_config(sim_url: str, **sections: Any) -> dict[str, Any]:
    """A configuration in front of the simulated provider, on free ports; sections replace or add."""
    config: dict[str, Any] = {
        "server": {"port": 0},
        "admin": {"port": 0},
        "providers": {"sim": {"base_url": sim_url}},
    }
    for name, value in sections.items():
        if isinstance(value, dict) and isinstance(config.get(name), dict) and name != "providers":
            config[name] = {**config[name], **value}
        else:
            config[name] = value
    return config


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
