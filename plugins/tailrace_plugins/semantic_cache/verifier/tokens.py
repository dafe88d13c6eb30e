"""Cuts a text into tokens, and tells words from what must stay as it is to the byte: code, paths, flags, quotes."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

from tailrace_plugins.semantic_cache.verifier import wordlists

Kind = Literal["word", "number", "exact", "mark", "end"]


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a text: `raw` as written, `text` folded where folding loses nothing.

    An `end` closes a sentence (its text is "." or "?"), a `mark` is a sign that means something (`=`, `<`, an emoji).
    """

    raw: str
    text: str
    kind: Kind


def lossless(text: str) -> str:
    """Unify what no reader can see: Unicode composition, line endings, blanks at the ends of the text."""
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").strip()


def marked(one: str, other: str) -> tuple[str, str]:
    """Both texts, with what one of them marks as code marked in the other too, where it stands there bare and once."""
    return _marked(one, other), _marked(other, one)


def _marked(text: str, by: str) -> str:
    if "`" not in by:
        return text
    for span in list(dict.fromkeys(_SPAN.findall(by)))[:_SPANS]:
        if span in text:
            continue
        bare = re.compile(rf"(?<![\w`-]){re.escape(span[1:-1])}(?![\w`-])")
        if len(bare.findall(text)) == 1:
            text = bare.sub(lambda found: f"`{found.group()}`", text)
    return text


_SPAN: Final = re.compile(r"(?<!`)`[^`\s][^`\n]{0,80}`(?!`)")
_SPANS: Final = 5


# A letter of any script, with the marks that Python's \w leaves out (Devanagari vowel signs, Arabic and Hebrew points).
_L: Final = r"(?:[^\W\d_]|[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0e31\u0e34-\u0e4e])"
_CJK: Final = r"[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uff66-\uff9f]"

# Each alternative begins with its own sign and none nests a repeat in a repeat, so the scan is linear.
_PATTERN: Final = re.compile(
    r"(?P<code>```[^`]*(?:```|$)|`[^`\n]*`|\$\{[^}\n]*\}|\{\{[^}\n]*\}\})"
    r"|(?P<quote>\"[^\"\n]{1,400}\"|“[^”\n]{1,400}”|„[^“”\n]{1,400}[“”]|«[^»\n]{1,400}»|「[^」\n]{1,400}」|『[^』\n]{1,400}』"
    r"|(?<!\w)'[^'\n]{1,400}'(?!\w))"
    r"|(?P<url>\b[a-zA-Z][a-zA-Z0-9+.\-]{1,20}://[^\s<>\"'`]+|\bwww\.[^\s<>\"'`]+|(?<![\w.+\-])[\w.+\-]{1,64}@[\w\-]+(?:\.[\w\-]+)+)"
    r"|(?P<path>(?:~|\.{1,2}|(?<![\w)\]]))/[\w.\-/~%+@*]+|\b[A-Za-z]:\\[^\s]+|(?<![\w.\-@])[\w.\-@]+(?:/[\w.\-@*]+)+/?)"
    r"|(?P<flag>(?<![\w\-])-{1,2}[A-Za-z][\w\-]*(?:=[^\s]+)?|(?<![\w\-])[@$][A-Za-z_][\w.\-]*|(?<!\w)\#\w+)"
    r"|(?P<abbr>\b(?:[A-Za-z]\.){2,}(?:[A-Za-z]\b)?)"
    r"|(?P<ident>\b[A-Za-z][\w]*(?:(?:\.|::|->)[A-Za-z_]\w*)+(?:\(\))?|\b[A-Za-z0-9]*_\w+(?:\(\))?|\b[A-Za-z]\w*\(\)"
    r"|\.[A-Za-z]\w*\b)"
    r"|(?P<operator>(?<=\s)(?:\?\?=?|\?\.|!!|\|\||&&|[!=<>]==?|[<>=]=|=>|->|\.\.<?)(?=\s+\w))"
    r"|(?P<number>(?<![\w.,])-?\d[\w]*(?:[.,:]\d\w*)*|\d\w*(?:[.,:]\d\w*)*)"
    r"|(?P<mixed>[A-Za-z]+\d\w*(?:\.\d\w*)*)"
    rf"|(?P<cjk>{_CJK})"
    rf"|(?P<word>(?:(?!{_CJK}){_L})+(?:['’ʼ](?:(?!{_CJK}){_L})+)*(?:\+\+|\#(?!\w))?)"
    r"|(?P<end>[.!?。！？؟।\n;；]+)"
    r"|(?P<comma>[,，、،])"
    r"|(?P<mark>[^\s])",
    re.DOTALL,
)
_SILENT: Final = frozenset(
    "\"'`()[]{}:…—–-‘’“”„«»：（）·¿¡・「」『』*#_‐‑‒―~～\u200b\u200c\u200d\u200e\u200f\ufe0f\ufeff"
)
_DECORATION: Final = frozenset("🙏👋🙂😊😀😃😄😁🤗✨")
"""Signs of politeness alone; every other emoji may carry the sense."""
_WIDE: Final = {ord("０") + i: str(i) for i in range(10)}


def tokenise(text: str) -> list[Token]:
    """Cut `text` (already `lossless`) into tokens; silent punctuation and blanks go. Linear in the text's length."""
    tokens: list[Token] = []
    for found in _PATTERN.finditer(text):
        if found.group() == "." and tokens and tokens[-1].text in _SHORTENED and found.end() < len(text):
            continue
        token = _token(found, text)
        if token is not None:
            tokens.append(token)
    return tokens


def _token(found: re.Match[str], text: str) -> Token | None:
    group, raw = found.lastgroup, found.group()
    match group:
        case "quote":
            inner = raw[1:-1].strip()
            return Token(inner, inner, "exact")
        case "operator":
            return Token(raw, raw, "exact")
        case "code" | "url" | "path" | "flag" | "ident":
            return _literal(raw)
        case "abbr":
            return Token(raw, raw.replace(".", "").casefold(), "word")
        case "number" | "mixed":
            return Token(raw, raw.translate(_WIDE).casefold(), "number")
        case "cjk":
            return Token(raw, raw, "word")
        case "word":
            owned = raw == "s" and text[found.start() - 1 : found.start()] in ("'", "’")
            if owned and text[: found.start() - 1][-1:].isdigit():
                # "user 42's password": no seconds.
                return Token(raw, "'s", "word")
            return _word(raw)
        case "end":
            return Token(raw, "?" if "?" in raw or "？" in raw or "؟" in raw else ".", "end")
        case "comma":
            return Token(raw, ",", "mark")
    return _mark(raw, found.start(), text)


def _literal(raw: str) -> Token | None:
    if raw.lower() in _PAIRS:
        return Token(raw, raw.lower(), "word")
    if raw.startswith("`") and not raw.strip("`"):
        return None
    bare = raw.rstrip(".,;:!?") if "(" in raw else raw.rstrip(".,;:!?)")
    if bare.lower() in _DOTTED:
        return Token(raw, _DOTTED[bare.lower()], "word")
    return Token(bare, bare, "exact")


_PAIRS: Final = frozenset(
    {"and/or", "he/she", "his/her", "him/her", "yes/no", "w/o", "w/", "n/a", "a/c", "24/7", "tcp/ip"}
)
_DOTTED: Final = {
    **{"node.js": "nodejs", "vue.js": "vuejs", "next.js": "nextjs", "react.js": "react", ".net": "dotnet"},
    **{"b.tech": "btech", "m.tech": "mtech", "ph.d": "phd", "b.sc": "bsc", "m.sc": "msc", "b.com": "bcom"},
}
_SHORTENED: Final = frozenset("vs mr mrs ms dr st prof no approx etc jr sr rs fig eq ca bzw ca nr".split())
"""Words whose full stop ends no sentence."""


def _word(raw: str) -> Token:
    folded = unicodedata.normalize("NFC", raw.replace("’", "'").replace("ʼ", "'").casefold())
    # A capital inside a word marks an identifier (getUser, UserService), whose case is its meaning.
    inner = any(a.islower() and b.isupper() for a, b in zip(raw, raw[1:], strict=False))
    if inner and folded.removesuffix("'s") not in wordlists.words("brands"):
        return Token(raw, raw, "exact")
    return Token(raw, folded, "word")


def _mark(raw: str, at: int, text: str) -> Token | None:
    before = text[at - 1] if at else " "
    after = text[at + 1] if at + 1 < len(text) else " "
    if raw in "([{" and (before.isalnum() or before in "_)]"):
        return Token(raw, raw, "mark")
    if raw in "*-–" and (_operand(before, after) or (before == " " and after == " " and _digits_around(text, at))):
        return Token(raw, "-" if raw == "–" else raw, "mark")
    if raw in _SILENT or raw in _DECORATION:
        return None
    return Token(raw, raw, "mark")


def _operand(before: str, after: str) -> bool:
    return before.isdigit() and after.isdigit()


def _digits_around(text: str, at: int) -> bool:
    return text[:at].rstrip()[-1:].isdigit() and text[at + 1 :].lstrip()[:1].isdigit()
