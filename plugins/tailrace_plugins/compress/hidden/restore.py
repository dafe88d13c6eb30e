"""The messages of the next turn with what its client has not seen put back where it stood. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.hidden.identity import is_answer
from tailrace_plugins.compress.hidden.nouns import Inserted
from tailrace_plugins.compress.hidden.reading import said_in
from tailrace_plugins.compress.hidden.stream import PAUSE
from tailrace_plugins.compress.locate import is_models

_THOUGHTS = ("thinking", "redacted_thinking", "reasoning")


def restored(shape: Shape, messages: Sequence[Any], index: int, inserted: Inserted) -> list[Any]:
    """The messages, a new list, with `inserted` put back around the model's message (the first item of its answer) at
    `index`; where that is not the model's, or is another answer than the one that it belongs to, as they were.

    Several answers are put back from the last to the first, so that the indices of the others stay true, and after
    texts were replaced by index. The turns come before the message; the calls go into it, the results behind the
    client's own. What the message repeats of the turns, because the answer was a stream, is taken out of it: sent
    twice, it is not what the provider has, and OpenAI refuses an item that comes twice. None of it changes from turn
    to turn as long as the messages do not.
    """
    if not inserted or not 0 <= index < len(messages) or not is_models(messages[index]):
        return list(messages)
    if inserted.answer and not is_answer(messages, index, inserted.answer):
        return list(messages)
    before, after = list(messages[:index]), list(messages[index:])
    if shape == "responses":
        after = _with_items(after, inserted)
    elif shape == "messages":
        after = _with_blocks(after, inserted)
    else:
        after = _with_calls(after, inserted)
    return [*before, *inserted.turns, *after]


def _with_calls(after: list[Any], inserted: Inserted) -> list[Any]:
    """Chat: calls in the message, results behind its tool messages."""
    message = dict(after[0])
    if inserted.calls:
        message["tool_calls"] = [*_list(message.get("tool_calls")), *inserted.calls]
    if inserted.shown:
        said = [_str(turn.get("content")) for turn in said_in(inserted.turns)]
        message["content"] = _text_after(message.get("content"), said, has_calls=bool(message.get("tool_calls")))
    end = 1
    while end < len(after) and _dict(after[end]).get("role") in ("tool", "function"):
        end += 1
    return [message, *after[1:end], *inserted.results, *after[end:]]


def _with_blocks(after: list[Any], inserted: Inserted) -> list[Any]:
    """Anthropic: calls behind the message's blocks, results behind those of the user message that follows."""
    message, *others = after
    content = _blocks(message.get("content"))
    if inserted.shown:
        said = [block for turn in said_in(inserted.turns) for block in _list(turn.get("content"))]
        left = _rest(content, [block for block in said if _dict(block).get("type") != "tool_use"])
        content = left if left or inserted.calls else content
    if inserted.calls and others and _dict(others[0]).get("role") == "user":
        content = [*content, *inserted.calls]
        answers = _blocks(others[0].get("content"))
        end = 0
        while end < len(answers) and _dict(answers[end]).get("type") == "tool_result":
            end += 1
        # Anthropic wants results before anything else.
        others[0] = {**others[0], "content": [*answers[:end], *inserted.results, *answers[end:]]}
    if content == _blocks(message.get("content")):
        return [message, *others]
    return [{**message, "content": content}, *others]


def _with_items(after: list[Any], inserted: Inserted) -> list[Any]:
    """Responses: calls behind the items of the answer, results behind the client's."""
    end = _run(after, 0, is_models)
    results = _run(after, end, _is_output)
    items = after[:end]
    if inserted.shown:
        said = [item for item in said_in(inserted.turns) if item.get("type") != "function_call"]
        items = _rest(items, said)
    return [*items, *inserted.calls, *after[end:results], *inserted.results, *after[results:]]


def _run(items: Sequence[Any], start: int, belongs: Any) -> int:
    while start < len(items) and belongs(items[start]):
        start += 1
    return start


def _is_output(item: Any) -> bool:
    return _str(_dict(item).get("type")).endswith("_call_output")


def _text_after(content: Any, said: Sequence[str], *, has_calls: bool) -> Any:
    """A chat message's content without the texts of earlier rounds; unchanged where it does not begin with them."""
    parts = _list(content)
    given = _str(parts[0].get("text")) if parts and type(parts[0]) is dict else _str(content)
    rest = given
    for text in said:
        if not rest.startswith(text):
            return content
        rest = rest[len(text) :]
        if text and not text[-1].isspace():
            rest = rest.removeprefix(PAUSE)
    if rest == given:
        return content
    if parts:
        return [{**parts[0], "text": rest}, *parts[1:]] if rest or not parts[1:] else parts[1:]
    return rest if rest or not has_calls else None


def _rest(items: Sequence[Any], said: Sequence[Any]) -> list[Any]:
    """The items behind those that were said before; all of them where they do not begin so.

    Clients may leave thoughts out, and empty texts.
    """
    at = 0
    for one in said:
        while at < len(items) and _is_empty(items[at]):
            at += 1
        if at < len(items) and _is_same(items[at], one):
            at += 1
        elif _dict(one).get("type") not in _THOUGHTS:
            return list(items)
    return list(items[at:])


def _is_empty(block: Any) -> bool:
    return _dict(block).get("type") == "text" and not _str(_dict(block).get("text")).strip()


def _is_same(one: Any, other: Any) -> bool:
    one, other = _dict(one), _dict(other)
    if one.get("id") and other.get("id"):
        return bool(one["id"] == other["id"])
    return dict(_gist(one)) == dict(_gist(other))


def _gist(item: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What of an item does not change when its client sends it back."""
    if item.get("role") == "assistant":
        content = item.get("content")
        yield "text", content if type(content) is str else [_str(_dict(part).get("text")) for part in _list(content)]
        return
    for key, value in item.items():
        if value is not None and key not in ("id", "status", "cache_control"):
            yield key, value


def _blocks(content: Any) -> list[Any]:
    if type(content) is str:
        return [{"type": "text", "text": content}] if content else []
    return _list(content)


def _dict(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""
