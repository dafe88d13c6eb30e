"""Hears a stream's raw frames after they were sent, and knows at the end what happened.

Most frames carry a few characters of text and are never parsed (see `skim`); any frame of an unknown spelling is, so
that an unusual provider costs time and not truth.
"""

from typing import Any, Final

from tailrace.wire import skim, sse
from tailrace.wire import usage as usages
from tailrace.wire.endpoints import Shape
from tailrace.wire.usage import Usage
from tailrace.wire.whole import WholeFacts, error_of, read_whole, response_ending

__all__ = ["Shape", "StreamWatch", "WholeFacts", "error_of", "read_whole"]

_CHARS_PER_TOKEN: Final = 4


class StreamWatch:
    """Facts of one stream, gathered frame by frame; each is true for the frames heard so far.

    - `events`: frames with data, `[DONE]` and pings included.
    - `response_id`, `model`: the first that is not empty; of the last message, where Messages streams begin anew.
    - `usage`: the provider's own count, or None.
    - `error`: the first in-band error object (`{"message": ...}` where the provider sent only text), or None.
    - `done`: the protocol's own end mark came: `[DONE]`, `message_stop`, or a Responses event with a final status.
    - `garbled`: an event came whose data is no JSON object.
    - `output_chars`: length of the generated text, tool arguments and reasoning included, as JSON spells it in UTF-8
      bytes. Exact enough to estimate with, not to bill by.

    `choices` is the `n` the client asked for, where known: the stream is not complete before all have finished.
    """

    __slots__ = (
        "_choices",
        "_deltas",
        "_finish",
        "_spellings",
        "_text_keys",
        "_typed",
        "done",
        "error",
        "events",
        "garbled",
        "model",
        "output_chars",
        "response_id",
        "shape",
        "usage",
    )

    def __init__(self, shape: Shape, *, choices: int = 1) -> None:
        self.shape = shape
        self.events = 0
        self.response_id: str | None = None
        self.model: str | None = None
        self.usage: Usage | None = None
        self.error: dict[str, Any] | None = None
        self.done = False
        self.garbled = False
        self.output_chars = 0
        self._deltas = 0
        self._choices = choices
        self._finish: dict[int, str | None] = {}
        self._typed = shape in ("responses", "messages")
        self._text_keys: tuple[bytes, ...] = skim.TEXT_KEYS[shape]
        self._spellings = skim.Spellings(self._text_keys)

    @property
    def finish_reasons(self) -> list[str]:
        """Why it ended, one per finished choice, by choice index.

        Chat and completions: `finish_reason`. Messages: `stop_reason`. Responses: `incomplete_details.reason` where
        there is one, else the final status (`completed`, `failed`).
        """
        return [reason for _, reason in sorted(self._finish.items()) if reason is not None]

    @property
    def all_finished(self) -> bool:
        """Whether every choice that began has told why it ended."""
        return bool(self._finish) and None not in self._finish.values()

    @property
    def terminal(self) -> bool:
        """True when the provider told how the stream ended; a connection that closes before that was cut.

        An end mark (`done`) or an in-band error tells it always. In chat and completions so does a finish_reason for
        every choice seen, and for as many as were asked for: some providers send no `[DONE]`, and usage may follow.
        No promise of success: see `error`.
        """
        if self.done or self.error is not None:
            return True
        if self._typed or len(self._finish) < max(1, self._choices):
            return False
        return None not in self._finish.values()

    @property
    def estimated_output_tokens(self) -> int:
        """For streams without usage: four characters a token, and at least one token for each delta with text."""
        return max(self._deltas, -(-self.output_chars // _CHARS_PER_TOKEN))

    def feed(self, frame: bytes) -> None:
        """Hear the next raw frame, as `sse.FrameSplitter` cuts them. Never raises."""
        if not self._typed:
            length = self._spellings.text_length(frame)
            if length >= 0:
                self.events += 1
                self._add_text(length)
                return
        elif self.events and (name := skim.untold_name(frame)):
            self.events += 1
            if name.endswith(b"delta"):
                self._measure_text(frame)
            return
        self._hear(sse.parse(frame))

    def _add_text(self, length: int) -> None:
        if length:
            self._deltas += 1
            self.output_chars += length

    def _measure_text(self, frame: bytes) -> None:
        span = skim.text_span(frame, self._text_keys)
        if span is not None:
            self._add_text(span[1] - span[0])

    def _hear(self, event: sse.Event) -> None:
        if event.is_comment:
            return
        self.events += 1
        if event.is_done:
            self.done = True
            return
        told = event.json
        if type(told) is not dict:
            self.garbled = True
            if event.event == "error" and self.error is None:
                self.error = {"message": event.data.decode("utf-8", "replace")}
            return
        error = error_of(told)
        if self.error is None:
            self.error = error
        if self._typed and str(told.get("type")).endswith("_delta" if self.shape == "messages" else ".delta"):
            self._measure_text(event.raw)
        if self.shape == "responses":
            self._hear_response(told)
        elif self.shape == "messages":
            self._hear_message(told)
        else:
            self._hear_chunk(told, event.raw)

    def _hear_chunk(self, chunk: dict[str, Any], raw: bytes) -> None:
        # A chunk whose facts a later one may override, and a third bring back, must not be learnt as telling nothing.
        # Its id, model and choice index do no harm: they stand in the learnt spelling, and so are known when it fits.
        told_nothing = True
        self._note_identity(chunk)
        groq = chunk.get("x_groq")
        for given in (chunk.get("usage"), groq.get("usage") if type(groq) is dict else None):
            told_nothing &= not self._note_usage(given)
        choices = chunk.get("choices")
        if type(choices) is not list or not choices:
            return
        for choice in choices:
            if type(choice) is not dict:
                continue
            index = choice.get("index")
            key = index if type(index) is int else 0
            reason = choice.get("finish_reason")
            if type(reason) is str and reason:
                self._finish[key] = reason
                told_nothing = False
            else:
                self._finish.setdefault(key, None)
            told_nothing &= not self._note_usage(choice.get("usage"))  # Moonshot
        if told_nothing:
            self._add_text(self._spellings.learn(raw))
        else:
            self._measure_text(raw)

    def _hear_response(self, event: dict[str, Any]) -> None:
        response = event.get("response")
        if type(response) is not dict:
            return
        self._note_identity(response)
        if event.get("type") in skim.RESPONSE_ENDS:
            self.done = True
            self._finish[0] = response_ending(response)
            self._note_usage(response.get("usage"))

    def _hear_message(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        message, delta = event.get("message"), event.get("delta")
        if kind == "message_stop":
            self.done = True
        elif kind == "message_start" and type(message) is dict:
            if message.get("id") != self.response_id:  # a provider that began anew within one stream: see `assemble`
                self.response_id, self.model, self.done = None, None, False
                self._finish.clear()
            self._note_identity(message)
            self._note_usage(message.get("usage"))
        elif kind == "message_delta":
            self._note_usage(event.get("usage"))
            reason = delta.get("stop_reason") if type(delta) is dict else None
            if type(reason) is str:
                self._finish[0] = reason

    def _note_identity(self, told: dict[str, Any]) -> None:
        if not self.response_id and type(id_ := told.get("id")) is str and id_:
            self.response_id = id_
        if not self.model and type(model := told.get("model")) is str and model:
            self.model = model

    def _note_usage(self, given: Any) -> bool:
        """Add what a `usage` field told; False when it told nothing."""
        if given is None:
            return False
        counted = usages.read(given)
        if counted is not None:
            self.usage = counted if self.usage is None else usages.merge(self.usage, counted)
        return counted is not None
