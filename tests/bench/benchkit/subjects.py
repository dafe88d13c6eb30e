"""What is measured: each subject is one proxy before the same upstream, in one process on the subject core."""

from __future__ import annotations

import gzip
import http.client
import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import orjson
import yaml

from benchkit import obtain, payload
from benchkit.machine import BENCH, CACHE, Child, Cores, clean_environment, free_port, version
from benchkit.obtain import Say, Unavailable

EMPTY_CHAIN = "empty"
__all__ = ["EMPTY_CHAIN", "SUBJECTS", "Place", "Subject", "Unavailable", "answers"]


@dataclass(frozen=True)
class Place:
    """Where a subject stands: upstream, collector, core, the clients' key, a folder for its files."""

    cores: Cores
    upstream: int
    sink: int
    key: str
    folder: Path


def answers(port: int, key: str) -> bool:
    """Whether a chat request through `port` comes back with the upstream's text."""
    return ask_once(port, key) is not None


def ask_once(port: int, key: str) -> http.client.HTTPMessage | None:
    """The headers of a right answer to one chat request; None when it is not right."""
    before, after = payload.request_parts(0, key)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(
            "POST", payload.PATH, (before + payload.BLANK + after).partition(b"\r\n\r\n")[2], payload.sdk_headers(key)
        )
        response = connection.getresponse()
        body = response.read()
        if response.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    right = response.status == 200 and payload.TICKET + payload.BLANK in body
    return response.headers if right else None


class Subject(ABC):
    """One proxy. `obtain` once, then `start` and `stop` in every round; `port` is where the load goes."""

    name: ClassVar[str]
    title: ClassVar[str]
    exact: ClassVar[bool] = True  # gives the upstream's bytes; otherwise only its text is compared
    ready_s: ClassVar[float] = 30.0
    is_proxy: ClassVar[bool] = True
    traced: ClassVar[bool] = False

    def __init__(self) -> None:
        self.child: Child | None = None
        self.port = 0
        self.start_s: float | None = None
        self.version: str | None = None
        self.remark: str | None = None

    def obtain(self, say: Say) -> None:  # noqa: B027 - most subjects are simply there
        """Make sure it is there; Unavailable when it cannot be had."""

    @abstractmethod
    def launch(self, place: Place) -> Child:
        """Start the process on `self.port`."""

    def start(self, place: Place) -> None:
        """Start and wait for the first answer; `start_s` is the time between."""
        place.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        began = time.perf_counter()
        self.child = self.launch(place)
        self.child.wait_until(lambda: answers(self.port, place.key), self.ready_s)
        self.start_s = time.perf_counter() - began

    def stop(self) -> None:
        """Stop the whole process group; may be called twice."""
        child, self.child = self.child, None
        if child:
            child.stop()

    def pids(self) -> list[int]:
        """The processes that are measured."""
        return [process.pid for process in self.child.tree()] if self.child else []


class Direct(Subject):
    """No proxy: what the two ends and the machine can do."""

    name = "direct"
    title = "no proxy"
    is_proxy = False

    def launch(self, place: Place) -> Child:
        raise NotImplementedError

    def start(self, place: Place) -> None:
        self.port = place.upstream
        if not answers(self.port, place.key):
            raise RuntimeError("the upstream does not answer")


class Nginx(Subject):
    """nginx as a reverse proxy that buffers nothing."""

    name = "nginx"
    title = "nginx reverse proxy"

    def obtain(self, say: Say) -> None:
        self.binary, self.version = obtain.nginx(say)

    def launch(self, place: Place) -> Child:
        folder = place.folder
        temp = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
        config = folder / "nginx.conf"
        config.write_text(
            f"""\
daemon off;
worker_processes 1;
{"user root;" if os.geteuid() == 0 else ""}
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
{temp}    client_body_buffer_size 64k;
    keepalive_requests 1000000000;
    upstream bench {{
        server 127.0.0.1:{place.upstream};
        keepalive 512;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{self.port} backlog=4096;
        location / {{
            proxy_pass http://bench;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""
        )
        command: list[str | Path] = [self.binary, "-p", folder, "-c", config, "-e", folder / "error.log"]
        return Child(command, core=place.cores.subject, log=folder / "log")


class Peer(Subject):
    """A plain aiohttp server with aiohttp's client and JSON parsing: what a careful afternoon gives."""

    name = "aiohttp"
    title = "plain aiohttp server + client + JSON parse"

    def obtain(self, say: Say) -> None:
        self.version = version("aiohttp")

    def launch(self, place: Place) -> Child:
        command = [sys.executable, "-m", "benchkit.peer", str(self.port), f"http://127.0.0.1:{place.upstream}"]
        environment = {"PYTHONPATH": str(BENCH)}
        return Child(command, core=place.cores.subject, log=place.folder / "log", environment=environment)


class LiteLLM(Subject):
    """LiteLLM's proxy as its documentation starts it: one worker, no database, no callbacks."""

    name = "litellm"
    title = "LiteLLM proxy"
    exact = False
    ready_s = 90.0
    more: ClassVar[dict[str, object]] = {}

    def obtain(self, say: Say) -> None:
        self.program, self.version = obtain.litellm(say)

    def launch(self, place: Place) -> Child:
        url = f"http://127.0.0.1:{place.upstream}/v1"
        target = {"model": f"openai/{payload.MODEL}", "api_base": url, "api_key": "test"}
        config = place.folder / "config.yaml"
        models = [{"model_name": payload.MODEL, "litellm_params": target}]
        config.write_text(yaml.safe_dump({"model_list": models, **self.more}))
        command: list[str | Path] = [self.program, "--config", config, "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--num_workers", "1", "--telemetry", "False"]
        # Otherwise it fetches its price list from the network at start.
        environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_MASTER_KEY": place.key}
        log = place.folder / "log"
        return Child(command, core=place.cores.subject, log=log, environment=environment, cwd=place.folder)


class Tailrace(Subject):
    """Tailrace with its default chain, metrics on, traces sampled out, one log line per request into a file."""

    name = "tailrace"
    title = "Tailrace, traces sampled out"
    sample_ratio: ClassVar[float] = 0.0
    program = Path(sys.executable).parent / "tailrace"
    prefix: tuple[str | Path, ...] = ()

    def obtain(self, say: Say) -> None:
        self.version = version("tailrace")
        if not self.program.exists():
            raise Unavailable(f"{self.program} does not exist: pip install -e . first")
        done = subprocess.run(
            [self.program, "schema"], env=clean_environment(), capture_output=True, timeout=60, check=False
        )
        try:
            self.sections = set(orjson.loads(done.stdout)["properties"])
        except (ValueError, KeyError, TypeError):
            self.sections = set()

    def config(self, place: Place) -> dict[str, object]:
        """The configuration, as a user would write it."""
        config: dict[str, object] = {
            "server": {"host": "127.0.0.1", "port": self.port},
            "providers": {"bench": {"base_url": f"http://127.0.0.1:{place.upstream}/v1", "api_key": "test"}},
            # Both look at every request and find nothing to change: what a chain costs that lets bytes through.
            "plugins": [
                {"stream": {"replay_chars_per_s": 1000}},
                {"defaults": {"rules": [{"models": ["gpt-*"], "max_tokens_cap": 100_000}]}},
            ],
            "telemetry": {
                "otlp": {"endpoint": f"http://127.0.0.1:{place.sink}"},
                "sample_ratio": self.sample_ratio,
            },
        }
        if "admin" in self.sections:
            # The default port may be taken by a Tailrace that somebody uses.
            config["admin"] = {"host": "127.0.0.1", "port": free_port()}
        if "data_dir" in self.sections:
            config["data_dir"] = str(place.folder / "data")
        return config

    def start(self, place: Place) -> None:
        """Start, and note which chain answers: a figure without plugins is not one with them."""
        super().start(place)
        headers = ask_once(self.port, place.key)
        self.remark = (headers.get("x-tailrace-chain") if headers else None) or EMPTY_CHAIN

    def launch(self, place: Place) -> Child:
        file = place.folder / "tailrace.yaml"
        file.write_text(yaml.safe_dump(self.config(place), sort_keys=False))
        command = [*self.prefix, self.program, "serve", "--config", file]
        return Child(command, core=place.cores.subject, log=place.folder / "log", cwd=place.folder)


class TailraceTraced(Tailrace):
    """Tailrace with every request traced and exported."""

    name = "tailrace-traced"
    title = "Tailrace, every request traced and exported"
    sample_ratio = 1.0
    traced = True


class TailraceProfiled(Tailrace):
    """Tailrace under cProfile; its figures are distorted, its proportions are not."""

    name = "tailrace-profiled"
    title = "Tailrace under cProfile"
    output = CACHE / "tailrace.prof"

    def launch(self, place: Place) -> Child:
        self.output.unlink(missing_ok=True)
        self.prefix = (sys.executable, "-m", "cProfile", "-o", self.output)
        return super().launch(place)


SUBJECTS: tuple[type[Subject], ...] = (Direct, Nginx, Peer, LiteLLM, Tailrace, TailraceTraced)
