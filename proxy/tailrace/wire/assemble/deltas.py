"""How partial JSON grows: the rules by which one delta is added to what came before."""

from typing import Any, Final

_NAMES: Final = frozenset({"id", "type", "role", "format", "object", "model", "mime_type"})
"""String fields that name something: the first that is not empty stays, repetitions are not text to append."""

_BLOCKS_THAT_GROW: Final = ("text", "thinking")


class Pieces(list[str]):
    """Text that arrives in pieces; joined once, at the end, so that a long answer costs linear time."""

    __slots__ = ()


def grow(into: dict[str, Any], key: str, value: Any) -> None:
    """Add `value` to the field `key`: text is appended, objects merge, lists extend, anything else replaces.

    null never takes away what is there. List entries that carry the same integer `index` merge.
    """
    old = into.get(key)
    if value is None:
        into.setdefault(key, None)
    elif type(value) is str:
        if key in _NAMES:
            if not old:
                into[key] = value
        elif type(old) is Pieces:
            old.append(value)
        else:
            into[key] = Pieces((value,))
    elif type(value) is dict:
        if type(old) is not dict:
            old = into[key] = {}
        for name, member in value.items():
            grow(old, name, member)
    elif type(value) is list:
        if type(old) is list:
            extend(old, value)
        else:
            into[key] = [fresh(entry) for entry in value]
    else:
        into[key] = value


def extend(old: list[Any], more: list[Any]) -> None:
    """Add a delta's list entries to those of earlier deltas."""
    for entry in more:
        index = entry.get("index") if type(entry) is dict else None
        known = None
        if type(index) is int:
            known = next((one for one in old if type(one) is dict and one.get("index") == index), None)
        if known is None:
            old.append(fresh(entry))
        else:
            for name, member in entry.items():
                grow(known, name, member)


def grow_content(into: dict[str, Any], value: Any) -> None:
    """Add to `content`: text, or blocks. The first block of a delta continues the last one, if that is of its type
    (Mistral streams reasoning that way)."""
    old = into.get("content")
    if type(value) is not list:
        if type(old) is list and type(value) is str:
            value = [{"type": "text", "text": value}] if value else []
        else:
            grow(into, "content", value)
            return
    if type(old) is not list:
        text = settle(old)
        old = into["content"] = [{"type": "text", "text": Pieces((text,))}] if text and type(text) is str else []
    last = old[-1] if old else None
    for block in value:
        if (
            type(last) is dict
            and type(block) is dict
            and block.get("type") == last.get("type")
            and block.get("type") in _BLOCKS_THAT_GROW
        ):
            for name, member in block.items():
                if type(member) is list and type(last.get(name)) is list:
                    inner = {"content": last[name]}
                    grow_content(inner, member)
                else:
                    grow(last, name, member)
        else:
            old.append(fresh(block))
        last = None


def fresh(value: Any) -> Any:
    """A copy that can grow, and shares nothing with `value`."""
    if type(value) is str:
        return value
    if type(value) is dict:
        copy: dict[str, Any] = {}
        for name, member in value.items():
            grow(copy, name, member)
        return copy
    if type(value) is list:
        return [fresh(member) for member in value]
    return value


def settle(value: Any) -> Any:
    """A plain JSON copy of something grown, its text joined."""
    kind = type(value)
    if kind is Pieces:
        return "".join(value)
    if kind is dict:
        return {name: settle(member) for name, member in value.items()}
    if kind is list:
        return [settle(member) for member in value]
    return value
