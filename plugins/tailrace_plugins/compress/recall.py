"""The tool by which the model gets back what was left out. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final

from tailrace.wire import jsonio
from tailrace_plugins.compress.hidden.nouns import Answered, Call, Tool
from tailrace_plugins.compress.locate import Path

RECALL: Final = Tool(
    "tailrace_recall",
    "Returns what a mark '[... left out: lines A-B of ID]' stands for.",
    {
        "type": "object",
        "properties": {"id": {"type": "string"}, "lines": {"type": "string", "description": "A-B, else all"}},
        "required": ["id"],
    },
)
RECALL_TOKENS: Final = 70
"""Of its definition, in o200k_base; about as many in others."""
MOST_ROUNDS: Final = 3
THERE: Final = Answered("These lines were brought back above already.")
MOST_CHARS: Final = 20_000
"""Of one answer, about 5,000 tokens; the rest can be asked for by its lines."""
MOST_CHARS_IN_ALL: Final = 60_000
"""In one exchange, however often the model asks."""
_RANGE: Final = re.compile(r"\s*([0-9]{1,9})\s*(?:-|\u2013|to|,|:)\s*([0-9]{1,9})\s*|\s*([0-9]{1,9})\s*")


def id_of(link: bytes, path: Path) -> str:
    """What the model is to ask for: short, and no two texts of a conversation have the same but by a rare chance."""
    return "k" + blake2b(link + repr(path).encode(), digest_size=5).hexdigest()


def answer(call: Call, text_of: Callable[[str], str | None], most_chars: int = MOST_CHARS) -> Answered:
    """The lines that a call asks for, of the text with its id, at most about `most_chars`; where it asks for nothing
    that is there, words that say how to ask. `text_of` is given an id, and gives None for one that it does not know.
    """
    if most_chars <= 0:
        return Answered("Enough was brought back for one answer. Go on with what you have.")
    asked = _arguments(call.arguments)
    id_ = asked.get("id")
    text = text_of(id_.strip()) if isinstance(id_, str) else None
    if text is None:
        return Answered('There is no such id. Use the id that stands in the mark, as in {"id": "k12ab34"}.')
    lines = text.split("\n")
    first, last = _range(asked.get("lines"), len(lines))
    if first > last:
        return Answered(f"{id_} has the lines 1-{len(lines)}.")
    end = first
    size = len(lines[first - 1])
    while end < last and size + len(lines[end]) < most_chars:
        size += len(lines[end]) + 1
        end += 1
    told = "\n".join(lines[first - 1 : end])
    if len(told) > most_chars:
        told = f"{told[:most_chars]} [... {len(told) - most_chars} characters of this line left out]"
    more = f'\n[lines {end + 1}-{last} of {id_} can be asked for by "lines"]' if end < last else ""
    return Answered(f"[lines {first}-{end} of {id_}]\n{told}{more}")


def is_there(answered: Answered, brought: Iterable[bytes]) -> bool:
    """Whether the same lines were brought back before: `brought` are the results of earlier calls, as JSON."""
    head = answered.text.partition("\n")[0]
    return head.startswith("[lines ") and any(head.encode() in one for one in brought)


def _arguments(arguments: str) -> Mapping[str, Any]:
    try:
        asked = jsonio.loads(arguments)
    except jsonio.BadJson:
        return {}
    return asked if type(asked) is dict else {}


def _range(given: Any, count: int) -> tuple[int, int]:
    """The lines asked for, counted from 1; all of them where that is not understood."""
    found = _RANGE.fullmatch(str(given)) if isinstance(given, (str, int)) else None
    if found is None:
        return 1, count
    first, last = (found[1], found[2]) if found[1] else (found[3], found[3])
    return max(1, int(first)), min(count, int(last))
