"""Program text in a request: how much, and in which languages."""

import re
from collections.abc import Iterable
from typing import Final

_FENCE: Final = "```"
_TAG: Final = re.compile(r"[a-zA-Z][\w+#-]{0,15}")
_MOST_FENCES: Final = 100
_SIGNS: Final = (
    "def ",
    "class ",
    "import ",
    "function ",
    "const ",
    "#include",
    "public ",
    "return ",
    "fn ",
    "SELECT ",
    "</",
)


def measure(texts: Iterable[str], question: str) -> dict[str, float]:
    """`texts` are all of a conversation; `question` the sampled last one, in its own case.

    Counted are up to 100 fences a text; what an open one is followed by counts as code as well.
    """
    blocks = chars = 0
    tags: set[str] = set()
    for text in texts:
        if _FENCE in text:
            inside = text.split(_FENCE, _MOST_FENCES)[1::2]
            blocks += len(inside)
            chars += sum(map(len, inside))
            tags.update(tag.group().lower() for tag in map(_TAG.match, inside) if tag)
    signs = sum([sign in question for sign in _SIGNS])
    return {"code_blocks": blocks, "code_chars": chars, "code_languages": len(tags), "code_signs": signs}
