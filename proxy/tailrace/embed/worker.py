"""The embedding process: `python -m tailrace.embed.worker MODEL THREADS online|offline`.

Reads batches from standard input and answers on standard output (see `frames`); loads torch, which the proxy never
does. Ends at the end of its input, so it cannot outlive a killed proxy, whatever it is doing.
"""

import os
import queue
import signal
import sys
import threading
import warnings
from typing import Any, BinaryIO, Final, Protocol

from tailrace.embed import frames

_NICE: Final = 5
_SUB_BATCH: Final = 8
"""Texts in one pass of the model: sorted by length, small passes pad less. Measured as fast as 32 for equal lengths."""
_ENDS: Final = 2
"""Tokens that stand around every text."""
_MOST_UNKNOWN: Final = 0.9
"""Share of a text's tokens the model may not know. Texts of unknown words only (another script, a long token) all get
the same vector and would crowd out each other; with some words known there is a place to look, and whoever looks must
compare the texts anyway."""


class Model(Protocol):
    """Embeds a batch."""

    dimension: int

    def embed(self, texts: list[bytes]) -> list[bytes | frames.Status]:
        """For each text, in order, its vector or why there is none."""
        ...


class SentenceModel:
    """A sentence-transformers model on the CPU."""

    def __init__(self, name: str, threads: int) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        self._model: Any = SentenceTransformer(name, device="cpu")
        self._tokenizer: Any = self._model.tokenizer
        self._window: int = self._model.max_seq_length or 0
        self._unknown: int | None = getattr(self._tokenizer, "unk_token_id", None)
        # `encode` puts the model's default prompt before each text.
        self._prompt: str = (self._model.prompts or {}).get(self._model.default_prompt_name or "") or ""
        # The first pass takes several times as long as the second.
        self.dimension = int(self._encode(["warm"]).shape[1])

    def _encode(self, texts: list[str]) -> Any:
        return self._model.encode(
            texts, batch_size=_SUB_BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )

    def embed(self, texts: list[bytes]) -> list[bytes | frames.Status]:
        """For each text, in order, its vector or why there is none."""
        whole = [self._prompt + text.decode() for text in texts]
        tokens = self._tokenizer(whole, truncation=False, padding=False, verbose=False)["input_ids"]
        results: list[bytes | frames.Status] = [self._fits(ids) for ids in tokens]
        fitting = [at for at, status in enumerate(results) if status == "ok"]
        if fitting:
            vectors = self._encode([texts[at].decode() for at in fitting])
            for at, vector in zip(fitting, vectors, strict=True):
                results[at] = vector.astype("<f4").tobytes()
        return results

    def _fits(self, ids: list[int]) -> frames.Status:
        if 0 < self._window < len(ids):
            return "too-long"
        if self._unknown is not None and ids.count(self._unknown) > _MOST_UNKNOWN * (len(ids) - _ENDS):
            return "unknown-words"
        return "ok"


def serve(model: Model, batches: "queue.SimpleQueue[bytes]", out: BinaryIO) -> None:
    """Answer batches as they come, for ever."""
    _write(out, frames.READY, frames.pack_ready(model.dimension))
    while True:
        number, texts = frames.unpack_texts(batches.get())
        _write(out, frames.VECTORS, frames.pack_vectors(number, _answers(model, texts)))


def _answers(model: Model, texts: list[bytes]) -> list[bytes | frames.Status]:
    try:
        return model.embed(texts)
    except Exception:  # noqa: BLE001 - whatever a tokenizer makes of one text must not end the process, nor be printed
        if len(texts) == 1:
            return ["bad-vector"]
    # One of them did it; the others may be other tenants'.
    return [answer for text in texts for answer in _answers(model, [text])]


def _write(out: BinaryIO, kind: bytes, payload: bytes) -> None:
    out.write(frames.frame(kind, payload))
    out.flush()


def _read(source: BinaryIO, batches: "queue.SimpleQueue[bytes]") -> None:
    try:
        while len(start := source.read(frames.HEAD.size)) == frames.HEAD.size:
            _, length = frames.head(start)
            if len(payload := source.read(length)) < length:
                break
            batches.put(payload)
    finally:
        # At once, in the middle of whatever torch is doing: nobody is left to hear the answer.
        os._exit(0)


def _quiet() -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    warnings.simplefilter("ignore")


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The real standard input and output, taken away from whoever prints: that goes to standard error."""
    source, out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(source, "rb"), os.fdopen(out, "wb")


def main(name: str, threads: int, is_offline: bool) -> None:
    """Load the model and serve until standard input ends."""
    source, out = _private_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    batches: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(source, batches), daemon=True).start()
    try:
        os.nice(_NICE)
    except OSError:
        pass  # forbidden in some containers; it is only a kindness
    _quiet()
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if is_offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        model = SentenceModel(name, threads)
    except Exception as error:  # noqa: BLE001 - whatever a model's files make of loading, the proxy is told and goes on
        _write(out, frames.FAILED, _told(error).encode()[:500])
        return
    serve(model, batches, out)


def _told(error: Exception) -> str:
    # No text of a request has come yet, so the message can hold none.
    first_line = str(error).strip().split("\n", 1)[0]
    return f"{type(error).__name__}: {first_line}"[:300]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "offline")
