"""Which answer a model's message in a history is: a client may have asked again, and gone on with another one. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.locate import calls, is_models

_END_CHARS: Final = 48
"""Of the text, without blanks: streams of several rounds have more in front, and clients trim."""


def answered(shape: Shape, answer: Any, hidden: AbstractSet[str]) -> str:
    """What tells an answer from others when it comes back: the client's calls in it and how its text ends."""
    held = answer if type(answer) is dict else {}
    if shape == "responses":
        return _told(held.get("output"), hidden)
    if shape == "messages":
        return _told([{"role": "assistant", "content": held.get("content")}], hidden)
    choices = held.get("choices")
    first = choices[0] if type(choices) is list and choices and type(choices[0]) is dict else {}
    return _told([first.get("message")], hidden)


def is_answer(messages: Sequence[Any], index: int, told: str) -> bool:
    """Whether the model's message at `index`, with those of its answer behind it, is the one that was `told` of."""
    end = index
    while end < len(messages) and is_models(messages[end]):
        end += 1
    ids, _, text = told.partition("|")
    other_ids, _, other = _told(messages[index:end], frozenset()).partition("|")
    return set(filter(None, ids.split(","))) <= set(other_ids.split(",")) and (
        text.endswith(other) or other.endswith(text)
    )


def _told(items: Any, hidden: AbstractSet[str]) -> str:
    listed = items if type(items) is list or type(items) is tuple else []
    ids = sorted(id_ for item in listed for id_, name, _ in calls(item) if name not in hidden)
    text = "".join("".join(text for item in listed for text in _texts(item)).split())
    return f"{','.join(ids)}|{text[-_END_CHARS:]}"


def _texts(item: Any) -> Iterator[str]:
    content = item.get("content") if isinstance(item, Mapping) and is_models(item) else None
    if isinstance(content, str):
        yield content
    for part in content if type(content) is list else ():
        text = part.get("text") if isinstance(part, Mapping) else None
        if isinstance(text, str) and part.get("type") in ("text", "output_text", None):
            yield text
