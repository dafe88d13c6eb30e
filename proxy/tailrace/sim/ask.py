"""What a request asks for, whichever of the wire formats it came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from .dice import seed_of
from .directives import Directives, parse
from .errors import Refusal
from .prefix import Mark
from .tokens import Segment, Tokenizer

_MEDIA_DIGESTS = 24


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call."""

    name: str
    schema: Any


@dataclass(frozen=True, slots=True)
class Turn:
    """One message: who speaks, the plain text, the tool calls made in it (by id), and the whole as counted.

    `role` is user, assistant, system, tool or note: a note (reasoning, a reminder beside tool results) is no turn.
    """

    role: str
    text: str
    counted: str
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """A generation request, read.

    `segments` are the parts of the prompt in the order in which providers cache them: tools, system, messages.
    `rounds_done` counts rounds of tool calls since the user last spoke, `results` the tool results since then.
    `schema` is None for free text, `{}` for any JSON object. `seed` depends on all that should change the answer and
    on nothing else (not on `stream`, for one).
    """

    model: str
    segments: tuple[Segment, ...]
    seed: int
    question: str = ""
    directives: Directives = Directives()
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    forced: str | None = None
    parallel: bool = True
    rounds_done: int = 0
    results: tuple[str, ...] = ()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    schema: Any = None
    marks: tuple[Mark, ...] = ()

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the whole prompt."""
        return sum(segment.count for segment in self.segments)


def assemble(
    tokenizer: Tokenizer,
    model: str,
    preamble: Iterable[str],
    turns: Sequence[Turn],
    *,
    seed: int = 0,
    **more: Any,
) -> Ask:
    """Return the Ask of a conversation; `preamble` is what stands before it (tools, system), `more` any other field."""
    segments = [tokenizer.segment(text) for text in preamble]
    segments += [tokenizer.segment(turn.counted) for turn in turns]
    last = max((at for at, turn in enumerate(turns) if turn.role == "user"), default=-1)
    since = turns[last + 1 :]
    return Ask(
        model=model,
        segments=tuple(segments),
        seed=seed_of([model, *(segment.text for segment in segments)], seed),
        question=turns[last].text if last >= 0 else "",
        directives=parse(turn.text for turn in turns if turn.role == "user"),
        rounds_done=_rounds(since),
        results=tuple(turn.text for turn in since if turn.role == "tool"),
        **more,
    )


def _rounds(since: Sequence[Turn]) -> int:
    """Count runs of tool results: calls made in parallel, in one message or in several, are one round."""
    rounds, before = 0, ""
    for turn in since:
        if turn.role == "note":
            continue
        if turn.role == "tool" and before != "tool":
            rounds += 1
        before = turn.role
    return rounds


def flat(content: Any, param: str = "messages") -> str:
    """Return the text of a message's content: a string, or a list of parts of any of the known types.

    Pictures, sound and files stand as a line that names their content, worth about 250 tokens.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise Refusal(400, f"Invalid type for '{param}': expected a string or an array.", param=param)
    out: list[str] = []
    for part in content:
        if isinstance(part, str):
            out.append(part)
        elif isinstance(part, dict):
            text = part.get("text", part.get("refusal"))
            out.append(text if isinstance(text, str) else _media(part))
        else:
            raise Refusal(400, f"Invalid type for '{param}': expected an object.", param=param)
    return "\n".join(out)


def _media(part: Mapping[str, Any]) -> str:
    digest = blake2b(orjson.dumps(part), digest_size=8).hexdigest()
    return f"<{part.get('type', 'part')}: {' '.join([digest] * _MEDIA_DIGESTS)}>"


def dumped(value: Any) -> str:
    """Return a value as the JSON text under which it is counted."""
    return orjson.dumps(value).decode()


def whole(body: Mapping[str, Any], key: str, least: int, most: int) -> int | None:
    """Return an integer field, or None where it is absent; refuse what a provider would."""
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refusal(400, f"Invalid type for '{key}': expected an integer.", param=key, code="invalid_type")
    if value < least:
        raise Refusal(
            400,
            f"Invalid '{key}': integer below minimum value. Expected a value >= {least}, but got {value} instead.",
            param=key,
            code="integer_below_min_value",
        )
    if value > most:
        raise Refusal(
            400,
            f"Invalid '{key}': integer above maximum value. Expected a value <= {most}, but got {value} instead.",
            param=key,
            code="integer_above_max_value",
        )
    return value


def strings(value: Any, param: str) -> tuple[str, ...]:
    """Return a string or a list of strings as a tuple (`stop`)."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(one for one in value if one)
    raise Refusal(400, f"Invalid type for '{param}': expected a string or an array of strings.", param=param)


def model_of(body: Mapping[str, Any]) -> str:
    """Return the model a body names, or refuse."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Refusal(400, "you must provide a model parameter")
    return model
