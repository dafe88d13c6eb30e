"""How many tokens a text has, counted as the model counts them and without the network.

The vocabularies are those that litellm's package brings, read by tiktoken. Where either is not installed, or the file
of a vocabulary is not there, counts are estimates: `TokenCounter.exact` tells.
"""

import asyncio
import functools
import hashlib
import importlib.util
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

Encode = Callable[[str], list[int]]

USUAL_ENCODING: Final = "o200k_base"
"""Of models that tiktoken does not know: that of OpenAI's since GPT-4o, and close to what others make of a text."""

_SHA256: Final = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "p50k_base": "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
}
"""As in tiktoken_ext.openai_public. tiktoken deletes a file with another hash and downloads it again, so that the file
is looked at before tiktoken sees it."""
_SAME_WORDS: Final = {"o200k_harmony": "o200k_base", "p50k_edit": "p50k_base"}
"""Vocabularies that differ in their special tokens only, which are ordinary text here."""
_ADDRESS: Final = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
"""tiktoken names a cached file by the SHA-1 of where it came from."""

_CHARS_PER_TOKEN: Final = 4.0
"""Of Latin text: OpenAI's rule of thumb, "1 token ~= 4 chars in English" (help center, "What are tokens")."""
_PER_EXTRA_BYTE: Final = 5 / 24
"""Tokens for each byte that UTF-8 needs beyond one a character: 1.5 characters a token where a character takes three
bytes (Chinese, Japanese, Korean), 2.2 where it takes two (Cyrillic, Greek, Arabic), as cl100k makes of them."""

_PIECE_CHARS: Final = 16_384
"""Longest text that tiktoken 0.14 is given at once. Of two million spaces it panics (a BaseException, from its regular
expression's stack), and of as many random letters it takes 1.7 s at once but 0.25 s in such pieces."""
_SAFE_CUT: Final = re.compile(
    r"(?<=\S)(?= )|(?<=[^\W_])(?=[\",.:;()\[\]{}<>|，。、；：！？])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])"
)
"""Where every one of OpenAI's patterns ends a word, whatever follows: before a space after something else, between a
letter or digit and a mark that is no apostrophe, between letters and digits."""
_LOOK_BACK: Final = 2_048

_ENTRY_BYTES: Final = 211
"""Of memory, measured: a 16-byte key, its tuple, the count and their place in an OrderedDict."""
_INLINE_CHARS: Final = 4_096
"""Counted on the event loop: 0.4 ms. More goes to a thread, which costs 0.1 ms."""
_INLINE_HASH_CHARS: Final = 262_144
"""Looked up on the event loop: 0.3 ms."""


def estimate(text: str) -> int:
    """Tokens in a text without any vocabulary: about 4 Latin characters each, 2.2 Cyrillic, 1.5 Chinese, rounded up."""
    tokens = len(text) / _CHARS_PER_TOKEN
    if not text.isascii():
        tokens += (len(text.encode("utf-8", "surrogatepass")) - len(text)) * _PER_EXTRA_BYTE
    return int(-(-tokens // 1))


def encoding_of(model: str) -> str:
    """The vocabulary of a model by tiktoken's table; a provider before its name (`openai/gpt-4o`) does not matter.

    `USUAL_ENCODING` for models that are not in it, and where there is no tiktoken.
    """
    look_up = _table()
    if look_up is None or not model:
        return USUAL_ENCODING
    try:
        name = look_up(model.rpartition("/")[2])
    except KeyError:
        return USUAL_ENCODING
    return _SAME_WORDS.get(name, name)


@functools.cache
def _table() -> Callable[[str], str] | None:
    try:
        from tiktoken.model import encoding_name_for_model
    except ImportError:
        return None
    return encoding_name_for_model


class TokenCounter:
    """Counts tokens; remembers what it counted by the hash of the text. Safe in threads.

    A vocabulary is loaded when it is first needed. That takes 0.2 to 0.5 s, 0.15 s of it in one piece in which nothing
    else in the process runs: call `load` before serving.
    """

    def __init__(self, *, cache_bytes: int = 16 << 20) -> None:
        self._most = max(1, cache_bytes // _ENTRY_BYTES)
        self._counts: OrderedDict[tuple[str, bytes], int] = OrderedDict()
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._encoders: dict[str, Encode | None] = {}

    def load(self, model: str = "") -> None:
        """Make ready for a model; takes time at its first call, so call it in a thread."""
        self._encoder(encoding_of(model))

    def exact(self, model: str = "") -> bool:
        """Whether counts for a model are those of its vocabulary (long texts without spaces: to a token in 16,000
        characters) rather than estimates. Loads it.
        """
        return self._encoder(encoding_of(model)) is not None

    def count(self, text: str, model: str = "") -> int:
        """Tokens of a text. Special tokens in it (`<|endoftext|>`) count as the ordinary text they are.

        Takes about 0.1 ms for 1,000 characters, 50 to 250 ms for two million: for long texts call `count_many`, or
        this in a thread.
        """
        name = encoding_of(model)
        key = _key(name, text)
        if (known := self._known(key)) is not None:
            return known
        return self._fresh(key, text)

    async def count_many(self, texts: Sequence[str], model: str = "") -> list[int]:
        """Tokens of each text, in their order. Only what is short or known is done on the event loop."""
        if sum(len(text) for text in texts) > _INLINE_HASH_CHARS:
            return await asyncio.to_thread(lambda: [self.count(text, model) for text in texts])
        name = encoding_of(model)
        keys = [_key(name, text) for text in texts]
        counts = [self._known(key) for key in keys]
        lacking = [at for at, count in enumerate(counts) if count is None]

        def fill() -> None:
            for at in lacking:
                counts[at] = self._fresh(keys[at], texts[at])

        if name in self._encoders and sum(len(texts[at]) for at in lacking) <= _INLINE_CHARS:
            fill()
        else:
            await asyncio.to_thread(fill)
        return [count for count in counts if count is not None]

    def _known(self, key: tuple[str, bytes]) -> int | None:
        with self._lock:
            found = self._counts.get(key)
            if found is not None:
                self._counts.move_to_end(key)
            return found

    def _fresh(self, key: tuple[str, bytes], text: str) -> int:
        encode = self._encoder(key[0])
        count = estimate(text) if encode is None else sum(len(encode(piece)) for piece in _pieces(text))
        with self._lock:
            self._counts[key] = count
            if len(self._counts) > self._most:
                self._counts.popitem(last=False)
        return count

    def _encoder(self, name: str) -> Encode | None:
        """What makes tokens of a text; None where only an estimate can be had, which is remembered too."""
        if name not in self._encoders:
            with self._loading:
                if name not in self._encoders:
                    self._encoders[name] = _load(name)
        return self._encoders[name]


def _key(name: str, text: str) -> tuple[str, bytes]:
    return name, hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces of which each has the tokens it has in the whole; but for one token where there is no safe
    place to cut.
    """
    start = 0
    while len(text) - start > _PIECE_CHARS:
        end = start + _PIECE_CHARS
        for found in _SAFE_CUT.finditer(text, end - _LOOK_BACK, end):
            end = found.start()
        yield text[start:end]
        start = end
    yield text[start:]


_environment: Final = threading.Lock()


def _load(name: str) -> Encode | None:
    folder = _vocabularies()
    if folder is None or name not in _SHA256 or not _is_whole(folder / _file(name), _SHA256[name]):
        return None
    # tiktoken can be told of a folder by this variable only; the files are there, so it will not look elsewhere.
    with _environment:
        before = os.environ.get("TIKTOKEN_CACHE_DIR")
        os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
        try:
            import tiktoken

            return tiktoken.get_encoding(name).encode_ordinary
        except (ImportError, OSError, ValueError):
            return None
        finally:
            if before is None:
                del os.environ["TIKTOKEN_CACHE_DIR"]
            else:
                os.environ["TIKTOKEN_CACHE_DIR"] = before


def _vocabularies() -> Path | None:
    """Where litellm's package keeps them. It is found and not imported, which would take 2.4 s."""
    found = importlib.util.find_spec("litellm")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / "litellm_core_utils" / "tokenizers"


def _file(name: str) -> str:
    return hashlib.sha1(_ADDRESS.format(name).encode(), usedforsecurity=False).hexdigest()


def _is_whole(file: Path, sha256: str) -> bool:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == sha256
    except OSError:
        return False
