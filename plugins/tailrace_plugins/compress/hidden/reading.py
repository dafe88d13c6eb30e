"""Hidden calls in a whole answer: which there are, the answer without them, and what the next round is told. Pure.

Reading never fails: what is not understood belongs to the client.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from tailrace.wire import jsonio
from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.hidden.nouns import Call
from tailrace_plugins.compress.hidden.offer import names_of

Results = Sequence[tuple[Call, str]]
"""Calls, and the text that each is answered with."""

_ENDED_WELL: Final[Mapping[str, frozenset[str | None]]] = {
    "chat": frozenset({None, "", "tool_calls", "function_call", "stop"}),
    "responses": frozenset({None, "", "completed"}),
    "messages": frozenset({None, "", "tool_use", "end_turn"}),
}
"""How an answer ends whose calls are all there; one that was cut (`length`) may end in the middle of a call."""
CALLED: Final = ("tool_calls", "function_call", "tool_use")
"""Reasons to end that tell the client to answer calls."""
_RUN_BY_PROVIDER: Final = frozenset(
    {"web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call", "mcp_call"}
)
_MESSAGE_FIELDS: Final = (
    "role",
    "content",
    "refusal",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "thinking_blocks",
)
"""Of a chat message, what may be sent back. The last four some providers demand in the middle of a tool loop."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer holds. `others`: calls that the client must answer. `whole`: the calls are not cut short."""

    hidden: tuple[Call, ...] = ()
    others: bool = False
    whole: bool = True


def read(shape: Shape, answer: Any, names: AbstractSet[str]) -> Reading:
    """Find the calls. A call without an id gets one by its place, the same as in `turns` and `taken_out`."""
    answer = _dict(answer)
    hidden: list[Call] = []
    others = False
    for place, entry in enumerate(_entries(shape, answer)):
        if is_hidden(shape, entry, names):
            hidden.append(_call(shape, entry, place))
        else:
            others = others or _is_others(shape, entry)
    others = others or (shape == "chat" and bool(_message(answer).get("function_call")))
    return Reading(tuple(hidden), others, _ending(shape, answer) in _ENDED_WELL[shape])


def is_hidden(shape: Shape, entry: Any, names: AbstractSet[str]) -> bool:
    """Whether a tool call of chat, an output item of Responses or a block of Anthropic's calls one of these tools."""
    entry = _dict(entry)
    if shape == "chat":
        return _str(_dict(entry.get("function")).get("name")) in names
    kind = "function_call" if shape == "responses" else "tool_use"
    return entry.get("type") == kind and _str(entry.get("name")) in names


def without(shape: Shape, answer: Mapping[str, Any], names: AbstractSet[str]) -> dict[str, Any]:
    """The answer without its hidden calls, a new object where there is something to take out.

    Where no other calls are left it ends as one that is complete. Of Responses, also without what the provider repeats
    of the request's tools, and without thoughts that led to nothing but a hidden call (see `clients_items`).
    """
    reading = read(shape, answer, names)
    if shape == "responses":
        told = without_echo(answer, names)
        return {**told, "output": clients_items(_list(answer.get("output")), names)} if reading.hidden else told
    if not reading.hidden:
        return dict(answer)
    if shape == "messages":
        blocks = [block for block in _list(answer.get("content")) if not is_hidden(shape, block, names)]
        ended = answer.get("stop_reason")
        return {**answer, "content": blocks, "stop_reason": ending(shape, ended, reading.others)}
    choices = list(answer["choices"])
    choice = {**choices[0], "finish_reason": ending(shape, choices[0].get("finish_reason"), reading.others)}
    message = dict(_message(answer))
    left = [call for call in _list(message.get("tool_calls")) if not is_hidden(shape, call, names)]
    if left:
        message["tool_calls"] = left
    else:
        del message["tool_calls"]
        if message.get("content") is None and not reading.others:
            # Without calls, null is no content that a request may repeat.
            message["content"] = ""
    return {**answer, "choices": [{**choice, "message": message}, *choices[1:]]}


def ending(shape: Shape, given: Any, others: bool) -> Any:
    """The reason to end of an answer whose hidden calls were taken out."""
    if others or given not in CALLED:
        return given
    return "end_turn" if shape == "messages" else "stop"


def without_echo(response: Mapping[str, Any], names: AbstractSet[str]) -> dict[str, Any]:
    """A Responses object without the hidden ones of the tools, which the provider repeats in it."""
    tools = response.get("tools")
    if type(tools) is not list or names.isdisjoint(names_of(tools)):
        return dict(response)
    return {**response, "tools": [tool for tool in tools if names.isdisjoint(names_of([tool]))]}


def clients_items(output: Sequence[Any], names: AbstractSet[str]) -> list[Any]:
    """The items of an output that are the client's.

    A reasoning item must be followed by what it led to when it is sent back, or OpenAI refuses it: so those behind the
    last item of the client's go with the hidden call that they led to.
    """
    left: list[Any] = []
    tail: list[Any] = []
    hides = False
    for item in output:
        if is_hidden("responses", item, names):
            hides = True
        elif _dict(item).get("type") == "reasoning":
            tail.append(item)
        else:
            left += [*tail, item]
            tail, hides = [], False
    return left if hides else left + tail


def turns(shape: Shape, answer: Any, results: Results, *, stored: bool = True) -> list[dict[str, Any]]:
    """The messages to append for the next round: what the model said, and its calls answered.

    What it said is sent as it came, thoughts and their signatures included, but for what a request may not contain.
    `stored`: whether the provider keeps answers (`store` of Responses); where it does not, it knows no thought by its
    id alone.
    """
    answer = _dict(answer)
    if shape == "responses":
        said = [_sendable(item, place) for place, item in enumerate(_list(answer.get("output")))]
        if not stored:
            said = [item for item in said if item.get("type") != "reasoning" or item.get("encrypted_content")]
        return [*said, *_outputs(shape, results)]
    if shape == "messages":
        blocks = [_block(block, place) for place, block in enumerate(_list(answer.get("content")))]
        # Anthropic gives empty texts and takes none.
        content = [block for block in blocks if block.get("type") != "text" or _str(block.get("text")).strip()]
        return [{"role": "assistant", "content": content}, {"role": "user", "content": _outputs(shape, results)}]
    given = _message(answer)
    message = {key: given[key] for key in _MESSAGE_FIELDS if given.get(key) is not None}
    message = {"role": "assistant", "content": None, **message}
    message["tool_calls"] = [_chat_call(call, place) for place, call in enumerate(_entries(shape, answer))]
    return [message, *_outputs(shape, results)]


def taken_out(
    shape: Shape, answer: Any, names: AbstractSet[str], results: Results, *, stored: bool = True
) -> tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]:
    """Of an answer with hidden and other calls: what `without` took out of it, and the answers (`Inserted`)."""
    made = {
        "chat": _chat_call,
        "responses": _sendable,
        "messages": _block,
    }[shape]
    entries = list(_entries(shape, _dict(answer)))
    if shape == "responses":
        kept = {id(item) for item in clients_items(entries, names)}
        calls = [made(item, place) for place, item in enumerate(entries) if id(item) not in kept]
        if not stored:
            calls = [item for item in calls if item.get("type") != "reasoning" or item.get("encrypted_content")]
    else:
        calls = [made(entry, place) for place, entry in enumerate(entries) if is_hidden(shape, entry, names)]
    return tuple(calls), tuple(_outputs(shape, results))


def said_in(turns: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """What the model said in such messages: those of them that are the model's."""
    for turn in turns:
        if turn.get("role") == "assistant" or ("role" not in turn and turn.get("type") != "function_call_output"):
            yield turn


def _entries(shape: Shape, answer: Mapping[str, Any]) -> list[Any]:
    """Where calls stand in an answer, and what stands between them."""
    if shape == "chat":
        return _list(_message(answer).get("tool_calls"))
    return _list(answer.get("output" if shape == "responses" else "content"))


def _is_others(shape: Shape, entry: Any) -> bool:
    if shape == "chat":
        return type(entry) is dict
    kind = _str(_dict(entry).get("type"))
    if shape == "messages":
        return kind == "tool_use"
    return (kind.endswith("_call") and kind not in _RUN_BY_PROVIDER) or kind == "mcp_approval_request"


def _call(shape: Shape, entry: Mapping[str, Any], place: int) -> Call:
    holder = _dict(entry.get("function")) if shape == "chat" else entry
    given = holder.get("input" if shape == "messages" else "arguments")
    arguments = given if isinstance(given, str) else jsonio.dumps({} if given is None else given).decode()
    return Call(_id(entry, "call_id" if shape == "responses" else "id", place), _str(holder.get("name")), arguments)


def _outputs(shape: Shape, results: Results) -> list[dict[str, Any]]:
    if shape == "responses":
        return [{"type": "function_call_output", "call_id": call.id, "output": text} for call, text in results]
    if shape == "messages":
        return [{"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in results]
    return [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in results]


def _chat_call(entry: Any, place: int) -> dict[str, Any]:
    call = {key: value for key, value in _dict(entry).items() if key != "index"}
    call["id"] = _id(call, "id", place)
    call.setdefault("type", "function")
    if type(function := call.get("function")) is dict:
        call["function"] = {**function, "arguments": _sound(function.get("arguments"))}
    return call


def _sendable(item: Any, place: int) -> dict[str, Any]:
    sent = _dict(item).copy()
    if sent.get("type") == "function_call":
        sent["call_id"] = _id(sent, "call_id", place)
        sent["arguments"] = _sound(sent.get("arguments"))
    return sent


def _block(block: Any, place: int) -> dict[str, Any]:
    sent = _dict(block).copy()
    if sent.get("type") == "tool_use":
        sent["id"] = _id(sent, "id", place)
        sent["input"] = _dict(sent.get("input"))
    return sent


def _sound(arguments: Any) -> str:
    """Arguments that any provider takes back: some parse them, and refuse the whole request where they are no object.

    What was wrong with them, the answer to the call tells the model.
    """
    if isinstance(arguments, str):
        try:
            jsonio.loads_object(arguments)
        except jsonio.BadJson:
            return "{}"
        return arguments
    return jsonio.dumps(_dict(arguments)).decode()


def _id(entry: Mapping[str, Any], key: str, place: int) -> str:
    return _str(entry.get(key)) or f"call_{place}"


def _ending(shape: Shape, answer: Mapping[str, Any]) -> Any:
    if shape == "chat":
        ended = _dict(next(iter(_list(answer.get("choices"))), None)).get("finish_reason")
    else:
        ended = answer.get("status" if shape == "responses" else "stop_reason")
    return ended if ended is None or isinstance(ended, str) else "other"


def _message(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The message of a chat completion; one that has several is not asked for (`offer.may_offer`)."""
    return _dict(_dict(next(iter(_list(answer.get("choices"))), None)).get("message"))


def _dict(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""
