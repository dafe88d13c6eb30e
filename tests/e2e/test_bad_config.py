"""Bad configurations: refused before anything listens, with every mistake's key, place and nearest right spelling."""

import asyncio
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from e2e_kit import TAILRACE, clean_env, free_port

from tailrace.cli import main

HIDDEN = "sk-hidden-0815-never-shown"
GOOD = "providers:\n  sim: {base_url: 'http://127.0.0.1:1/v1'}\n"


@dataclass
class Said:
    """What a command said, how it ended and how long it took."""

    code: int
    out: str
    err: str
    took_s: float


def run(folder: Path, text: str | bytes | None, *args: str, env: dict[str, str] | None = None) -> Said:
    path = folder / "tailrace.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    began = time.monotonic()
    try:
        done = subprocess.run(
            [TAILRACE, *(args or ("serve",)), "--config", str(path)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            cwd=folder,
            env=clean_env({"SECRET_KEY": HIDDEN, **(env or {})}),
        )
    except subprocess.TimeoutExpired:
        # It serves, or it is still at it: neither is a refusal.
        return Said(-1, "", "did not end", time.monotonic() - began)
    return Said(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


# Text, what must be said of it, and the line it stands in (0: none).
BAD: dict[str, tuple[str, list[str], int]] = {
    "misspelt section": (GOOD + "servr: {port: 1}\n", ["servr", "did you mean 'server'"], 3),
    "misspelt key": (GOOD + "server:\n  prot: 8080\n", ["server.prot", "did you mean 'port'"], 4),
    "misspelt key of a provider": (
        "providers:\n  sim:\n    bas_url: http://h/v1\n",
        ["providers.sim.bas_url", "did you mean 'base_url'"],
        3,
    ),
    "misspelt nested key": (
        GOOD + "telemetry:\n  otlp:\n    endpont: http://h\n",
        ["telemetry.otlp.endpont", "did you mean 'endpoint'"],
        5,
    ),
    "misspelt deadline": (
        "providers:\n  sim:\n    base_url: http://h/v1\n    deadlines: {idle: 3}\n",
        ["providers.sim.deadlines.idle", "idle_s"],
        4,
    ),
    "wrong type": (GOOD + "server: {port: many}\n", ["server.port"], 3),
    "port out of range": (GOOD + "server: {port: 70000}\n", ["server.port", "65535"], 3),
    "negative size": (GOOD + "server: {max_body_bytes: -1}\n", ["server.max_body_bytes"], 3),
    "bad duration": (GOOD + "upstream: {idle_s: 5 parsecs}\n", ["upstream.idle_s", "500ms"], 3),
    "zero duration": (GOOD + "upstream: {idle_s: 0}\n", ["upstream.idle_s"], 3),
    "no number": (GOOD + "upstream: {idle_s: .nan}\n", ["upstream.idle_s"], 3),
    "infinite": (GOOD + "upstream: {idle_s: .inf}\n", ["upstream.idle_s"], 3),
    "bad url": (
        "providers:\n  sim: {base_url: 'api.openai.com/v1'}\n",
        ["providers.sim.base_url", "https://host/v1"],
        2,
    ),
    "url with credentials": (
        f"providers:\n  sim: {{base_url: 'https://user:{HIDDEN}@host/v1'}}\n",
        ["providers.sim.base_url"],
        2,
    ),
    "url with a query": (
        f"providers:\n  sim: {{base_url: 'https://host/v1?key={HIDDEN}'}}\n",
        ["providers.sim.base_url"],
        2,
    ),
    "no base_url": ("providers:\n  sim: {api_key: x}\n", ["providers.sim", "base_url is required"], 2),
    "azure without version": (
        "providers:\n  az: {base_url: 'https://h', dialect: azure}\n",
        ["providers.az", "api_version"],
        2,
    ),
    "unknown dialect": (
        "providers:\n  sim: {base_url: 'https://h', dialect: opnai}\n",
        ["providers.sim.dialect", "'openai'"],
        2,
    ),
    "unset variable": (
        "providers:\n  sim: {base_url: 'https://h', api_key: '${NOT_SET_4711}'}\n",
        ["providers.sim.api_key", "NOT_SET_4711", "not set"],
        2,
    ),
    "target without model": (
        GOOD + "models:\n  m:\n    targets: [gpt-4o]\n",
        ["models.m.targets[0]", "provider/model"],
        5,
    ),
    "target of no provider": (
        GOOD + "models:\n  m:\n    targets:\n      - sim/a\n      - sin/b\n",
        ["models.m.targets[1]", "did you mean 'sim'"],
        7,
    ),
    "no targets": (GOOD + "models:\n  m: {targets: []}\n", ["models.m.targets"], 4),
    "targets missing": (GOOD + "models:\n  m: {}\n", ["models.m", "needs targets"], 4),
    "unknown plugin": (GOOD + "plugins:\n  - strem: {}\n", ["plugins[0].strem", "did you mean 'stream'"], 4),
    "plugin twice": (GOOD + "plugins:\n  - stream: {}\n  - stream: {}\n", ["plugins[1].stream", "twice"], 5),
    "two plugins in one entry": (GOOD + "plugins:\n  - {stream: {}, defaults: {}}\n", ["plugins[0]", "one plugin"], 4),
    "plugins as a mapping": (GOOD + "plugins:\n  stream: {}\n", ["plugins"], 3),
    "plugin setting": (GOOD + "plugins:\n  - stream: {no_such_setting: 1}\n", ["plugins[0].stream.no_such_setting"], 4),
    "key twice": (GOOD + "server: {port: 0}\nserver: {port: 1}\n", ["server", "twice"], 4),
    "not yaml": (GOOD + "server: [\n", ["not valid YAML"], 4),
    "tab": (GOOD + "server:\n\tport: 1\n", ["not valid YAML"], 4),
    "a list": ("- a\n- b\n", ["mapping"], 1),
    "a word": ("hello\n", ["mapping"], 1),
    "python object": ("server: !!python/object/apply:os.system ['true']\n", ["not valid YAML"], 1),
    "section as a list": (GOOD + "server: []\n", ["server"], 3),
    "unknown preset": (GOOD + "preset: of\n", ["preset", "'off'"], 3),
    "price without output": (GOOD + "prices:\n  m: {input: 1}\n", ["prices.m.output", "required"], 4),
    "keys with a list": (GOOD + "keys: {static: [a]}\n", ["keys.static"], 3),
    "one key for two tenants": (
        GOOD + f"keys:\n  static:\n    a: {HIDDEN}\n    b: {HIDDEN}\n",
        ["keys.static.b"],
        6,
    ),
    "empty client key": (GOOD + "keys:\n  static:\n    a: ''\n", ["keys.static.a"], 5),
    "empty provider key": (
        "providers:\n  sim:\n    base_url: http://h/v1\n    api_key: ''\n",
        ["providers.sim.api_key"],
        4,
    ),
    "number as a key": (GOOD + "8080: x\n", ["8080"], 3),
    "port is a truth value": (GOOD + "server: {port: true}\n", ["server.port"], 3),
    "anchors that end nowhere": ("server: &a\n  port: *a\n", ["server.port"], 2),
    "header with a line end": (
        'providers:\n  sim:\n    base_url: http://h/v1\n    headers: {x-a: "b\\r\\nx-c: d"}\n',
        ["providers.sim.headers.x-a"],
        4,
    ),
    "key with a line end": (
        'providers:\n  sim:\n    base_url: http://h/v1\n    api_key: "sk-x\\n"\n',
        ["providers.sim.api_key"],
        4,
    ),
}


def run_here(folder: Path, text: str, *args: str, env: dict[str, str] | None = None) -> Said:
    """The same command in this process, where an interpreter's start is saved; its last exception is its traceback."""
    path = folder / "tailrace.yaml"
    path.write_text(text)
    full: dict[str, str | None] = {name: None for name in os.environ if name not in clean_env()}
    full |= {"SECRET_KEY": HIDDEN, **(env or {})}
    began = time.monotonic()
    done = CliRunner().invoke(main, [*args, "--config", str(path)], env=full)
    trouble = (
        "" if done.exception is None or isinstance(done.exception, SystemExit) else f"Traceback {done.exception!r}"
    )
    return Said(done.exit_code, done.stdout, done.stderr + trouble, time.monotonic() - began)


@pytest.mark.parametrize("case", BAD)
def test_bad_configuration(tmp_path: Path, case: str) -> None:
    text, words, line = BAD[case]
    said = run_here(tmp_path, text, "check")
    assert said.code == 78, said.err
    for word in words:
        assert word in said.err
    if line:
        assert f"tailrace.yaml:{line}:" in said.err
    assert HIDDEN not in said.err + said.out
    assert "Traceback" not in said.err and "pydantic" not in said.err
    # About a second on an idle machine.
    assert said.took_s < 6


@pytest.mark.parametrize("case", ["misspelt key", "unset variable", "not yaml", "unknown plugin"])
def test_serve_refuses_in_the_same_words(tmp_path: Path, case: str) -> None:
    served, checked = (run(tmp_path, BAD[case][0], command) for command in ("serve", "check"))
    assert (served.code, served.err) == (checked.code, checked.err)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = GOOD + "servr: {}\nserver: {prot: 1}\nupstream: {idle_s: x}\nmodels: {m: {targets: []}}\n"
    said = run_here(tmp_path, text, "check")
    assert "4 mistakes" in said.err
    for word in ("servr", "server.prot", "upstream.idle_s", "models.m.targets"):
        assert word in said.err


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"TAILRACE__SERVR__PORT": "1"}, ["TAILRACE__SERVR__PORT", "did you mean 'server'"]),
        ({"TAILRACE__SERVER__PROT": "1"}, ["TAILRACE__SERVER__PROT", "did you mean 'port'"]),
        ({"TAILRACE__SERVER__PORT": "many"}, ["TAILRACE__SERVER__PORT"]),
        ({"TAILRACE__SERVER": "{not json"}, ["TAILRACE__SERVER"]),
        ({"TAILRACE__PROVIDERS__SIM__API_KEY__X": HIDDEN}, ["api_key"]),
    ],
)
def test_bad_environment(tmp_path: Path, env: dict[str, str], words: list[str]) -> None:
    said = run_here(tmp_path, GOOD, "check", env=env)
    assert said.code == 78, said.err
    for word in words:
        assert word.lower() in said.err.lower()
    assert HIDDEN not in said.err + said.out
    assert "Traceback" not in said.err


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    said = run(tmp_path, None)
    assert said.code == 78 and "tailrace.yaml" in said.err
    (tmp_path / "tailrace.yaml").mkdir()
    said = run(tmp_path, None)
    assert said.code in (2, 78) and "tailrace.yaml" in said.err and "Traceback" not in said.err
    (tmp_path / "tailrace.yaml").rmdir()
    for raw in (b"\xff\xfe\x00", b"server: \x00", b"\x89PNG\r\n\x1a\n"):
        said = run(tmp_path, raw)
        assert said.code == 78 and "Traceback" not in said.err


def test_aliases_without_end_are_refused_in_time(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    said = run(tmp_path, "\n".join(lines) + "\n")
    assert said.code == 78 and said.took_s < 10


# What it refuses to do although it could.


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_strangers_cannot_spend_the_operators_key(tmp_path: Path, host: str) -> None:
    text = (
        f"server: {{host: '{host}', port: 0}}\n"
        "providers:\n  sim: {base_url: 'http://127.0.0.1:1/v1', api_key: '${SECRET_KEY}'}\n"
    )
    said = run(tmp_path, text)
    assert said.code == 78
    assert "server.host" in said.err and "keys.static" in said.err
    assert HIDDEN not in said.err


def test_admin_beyond_loopback_needs_a_token(tmp_path: Path) -> None:
    said = run(tmp_path, GOOD + "admin: {host: 0.0.0.0, port: 0}\nserver: {port: 0}\n")
    assert said.code == 78 and "admin.token" in said.err


def test_taken_port_is_named(tmp_path: Path) -> None:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        said = run(tmp_path, GOOD + f"server: {{port: {port}}}\nadmin: {{port: 0}}\n")
        assert said.code != 0 and str(port) in said.err and "Traceback" not in said.err
        said = run(tmp_path, GOOD + f"server: {{port: {free_port()}}}\nadmin: {{port: {port}}}\n")
        assert said.code != 0 and str(port) in said.err and "Traceback" not in said.err


# Secrets.


def test_check_masks_every_secret(tmp_path: Path) -> None:
    text = (
        "providers:\n"
        "  sim:\n"
        "    base_url: http://127.0.0.1:1/v1\n"
        "    api_key: ${SECRET_KEY}\n"
        "    headers: {x-org-token: '${SECRET_KEY}', authorization: 'Bearer ${SECRET_KEY}'}\n"
        "admin: {token: '${SECRET_KEY}'}\n"
        "keys: {static: {acme: '${SECRET_KEY}'}}\n"
        "telemetry: {otlp: {endpoint: 'http://127.0.0.1:4318', headers: {x-key: '${SECRET_KEY}'}}}\n"
    )
    said = run(tmp_path, text, "check")
    assert said.code == 0, said.err
    assert "chain:" in said.out and "sim" in said.out
    assert HIDDEN not in said.out + said.err


def test_secrets_in_plain_text_are_masked(tmp_path: Path) -> None:
    text = f"providers:\n  sim: {{base_url: 'http://127.0.0.1:1/v1', api_key: {HIDDEN}}}\n"
    said = run(tmp_path, text, "check")
    assert said.code == 0 and HIDDEN not in said.out + said.err


def test_secrets_in_wrong_places_are_not_repeated(tmp_path: Path) -> None:
    for text in (
        f"providers:\n  sim: {{base_url: {HIDDEN}}}\n",
        f"providers:\n  sim: {{base_url: 'http://h/v1', api_key: [{HIDDEN}]}}\n",
        f"providers:\n  sim: {{base_url: 'http://h/v1', api_key: {{a: {HIDDEN}}}}}\n",
        GOOD + f"server: {{port: {HIDDEN}}}\n",
        GOOD + f"keys: {{static: {HIDDEN}}}\n",
        GOOD + f"upstream: {{idle_s: {HIDDEN}}}\n",
        GOOD + f"preset: {HIDDEN}\n",
        f"providers: 'unclosed {HIDDEN}\n",
    ):
        said = run_here(tmp_path, text, "check")
        assert said.code == 78
        assert HIDDEN not in said.err + said.out, text


async def test_serve_says_nothing_of_secrets(tmp_path: Path) -> None:
    from e2e_kit import start

    config = {
        "server": {"port": 0},
        "admin": {"port": 0, "token": "${SECRET_KEY}"},
        "providers": {"sim": {"base_url": "http://127.0.0.1:1/v1", "api_key": "${SECRET_KEY}"}},
        "keys": {"static": {"acme": "${SECRET_KEY}"}},
    }
    served = await asyncio.to_thread(start, config, tmp_path, {"SECRET_KEY": HIDDEN})
    try:
        served.terminate()
        assert await asyncio.to_thread(served.wait) == 0
        assert HIDDEN not in "\n".join(served.lines())
    finally:
        served.process.kill()
