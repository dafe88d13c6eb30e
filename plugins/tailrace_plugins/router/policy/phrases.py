"""How people say that an answer was wrong, and how models say that they will not: phrases in ten languages.

The phrases stand in `data/`. Only the beginning of a text is looked at, sentence by sentence, and a question is never a
complaint: "What's wrong with this code?" asks, "That's wrong." corrects.
"""

import re
import unicodedata
from importlib.resources import files
from typing import Final

_CHARS: Final = 320
"""Of a text that are looked at."""
_SENTENCES: Final = 4

# A full stop ends a sentence before a space only: "foo.py" is one word. Those of Chinese and Japanese need no space.
_WIDE: Final = re.compile(r"(?<=[。!?])")
_ENDS: Final = re.compile(r"(?<=[.!?。])\s+|\n+")
_ASKS: Final = re.compile(r"(?:\?|か。?|吗。?|呢。?)$")

# What may stand before the complaint itself in its sentence.
_LEAD: Final = (
    r"(?:(?:no+|nope|nah|well|hmm?|sorry|but|ok|okay|unfortunately|actually|i think|i'm afraid|i guess"
    r"|nein|aber|leider|doch|non|mais|desole|malheureusement|pero|lo siento|purtroppo|ma|mi dispiace"
    r"|nao|mas|infelizmente|nee|maar|helaas|нет|но|к сожалению|извини(?:те)?"
    r"|不|不是|但是|可是|いいえ|いや|でも)\b[,:;、-]?\s{0,4}){1,3}"
)
_CLAUSE_END: Final = r"(?=\s{0,4}(?:[.,!:;)。、-]|$))"


def _folded(text: str) -> str:
    """Small letters without accents, straight quotes, full-width forms as plain ones."""
    plain = unicodedata.normalize("NFKD", text).replace("\u2019", "'").casefold()
    return "".join(char for char in plain if not unicodedata.combining(char))


def _load(name: str) -> str:
    """The patterns of a file as one; folded like the texts, but for letter case, which escapes like `\\b` need."""
    lines = files(__package__).joinpath(f"data/{name}.txt").read_text("utf-8").splitlines()
    patterns = [line.replace("{end}", _CLAUSE_END) for line in lines if line and not line.startswith("#")]
    plain = unicodedata.normalize("NFKD", "|".join(f"(?:{pattern})" for pattern in patterns))
    return "".join(char for char in plain if not unicodedata.combining(char))


_CORRECTS: Final = re.compile(f"(?:{_LEAD})?(?:{_load('corrections')})")
_REFUSES: Final = re.compile(_load("refusals"))


def corrects(text: str) -> bool:
    """Whether a user's message begins by saying that the answer before it was wrong."""
    return any(_CORRECTS.match(sentence) and not _ASKS.search(sentence) for sentence in _sentences(text))


def refuses(text: str) -> bool:
    """Whether a model's answer begins by declining to give one."""
    return _REFUSES.search(_folded(text.lstrip()[:_CHARS])) is not None


def _sentences(text: str) -> list[str]:
    parts = _ENDS.split(_folded(_WIDE.sub(" ", text.lstrip()[:_CHARS])))
    return [stripped for part in parts if (stripped := part.strip())][:_SENTENCES]
