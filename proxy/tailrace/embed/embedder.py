"""What an embedder promises, whatever stands behind it."""

from typing import Literal, Protocol

State = Literal["off", "loading", "ready", "failed"]
"""`off` before `start` and after `aclose`; `failed` may become `loading` again by itself."""

Reason = Literal[
    "off",
    "loading",
    "failed",
    "busy",
    "paused",
    "timeout",
    "too-long",
    "unknown-words",
    "bad-text",
    "bad-vector",
    "crashed",
    "unreachable",
    "refused",
    "rate-limited",
    "bad-answer",
]
"""Why there is no vector: a closed set, fit for labels and headers.

Of the embedder: `off`, `loading`, `failed` (see its `reason`), `busy` (its queue is full), `timeout`, `crashed`,
`paused` (the last calls all failed; the next is tried within a minute).
Of the text: `too-long` (for the model's window or `max_chars`), `unknown-words` (more than a tenth of it is nothing the
model can read), `bad-text` (empty, no valid Unicode, or refused by the endpoint).
Of what came back: `bad-vector` (NaN, zero, another dimension), `bad-answer`.
Of an endpoint: `unreachable`, `refused` (a status that is not 200), `rate-limited`.
"""


class EmbedderUnavailable(Exception):
    """There is no vector for this text now. Holds nothing of the text, nor of a key."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def admit(text: str, max_chars: int) -> None:
    """Raise `EmbedderUnavailable` for a text no embedder is asked about: empty, longer, or with lone surrogates."""
    if len(text) > max_chars:
        raise EmbedderUnavailable("too-long")
    try:
        is_good = bool(text.strip()) and bool(text.encode())
    except UnicodeEncodeError:
        is_good = False
    # Out here, since a UnicodeEncodeError holds the text and would stay in __context__.
    if not is_good:
        raise EmbedderUnavailable("bad-text")


class Embedder(Protocol):
    """Turns a text into a vector."""

    @property
    def identity(self) -> str:
        """Names the model and all that shapes its vectors. Vectors of different identities must never be compared."""
        ...

    @property
    def model(self) -> str:
        """The model's name as it is configured: what its price is found by."""
        ...

    @property
    def state(self) -> State:
        """Whether `embed` has a chance."""
        ...

    @property
    def reason(self) -> str:
        """For people: why the state is `failed`; empty otherwise."""
        ...

    @property
    def dimension(self) -> int | None:
        """Components of each vector; None until it is known (when `ready` for a local model, else at the first)."""
        ...

    @property
    def spent_tokens(self) -> int:
        """Tokens an endpoint has billed so far; 0 for a model on this machine."""
        ...

    def start(self) -> None:
        """Begin to load in the background and return at once. Needs a running loop; a second call does nothing."""
        ...

    async def embed(self, text: str) -> bytes:
        """The text's vector: float32, little-endian, of length 1, so that a dot product is the cosine.

        Raises `EmbedderUnavailable` if there is none within the settings' `timeout_s`, or at once when not `ready`.
        Never raises anything else. A cancelled call frees its place in the queue.
        """
        ...

    async def aclose(self) -> None:
        """End the background work; waiting calls fail with `off`. May be called twice, or without `start`."""
        ...
