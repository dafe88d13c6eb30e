"""Filler in what a user or an operator wrote: phrases that say nothing, empty lines, rulers. Lossy; English only.

Only prose is touched: never code, quotes, JSON, what stands between tags, tables or addresses. No rule touches a
negation, a number or a name. Where the task is about a text ("translate the following"), that text stays as it is.

Measured (o200k_base): of 366 prompts of BIG-Bench Hard none is changed, for they hold no filler; of MMLU, GSM8K,
MT-Bench, BFCL and tau-bench 0.00 to 0.3% of the tokens go. "Your job is to" is no rule: in one prompt of BIG-Bench Hard
it tells of a person in a story.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Where = Literal["anywhere", "start"]
"""`start`: only where a sentence begins."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A phrase (a regular expression, in small letters) and what it becomes; "" for nothing."""

    phrase: str
    becomes: str = ""
    where: Where = "anywhere"


RULES: Final = (
    # "Note that down" and "note that fact" ask for something to be written.
    Rule(r"please note that(?! (?:down|fact|in|on|with)\b),?", where="start"),
    Rule(r"(?:please )?(?:keep|bear) in mind that", where="start"),
    Rule(r"(?:please )?(?:remember|be aware|be advised) that", where="start"),
    Rule(r"it is (?:very )?important to (?:note|remember|understand|keep in mind|be aware) that", where="start"),
    Rule(r"it (?:should|must) be noted that", where="start"),
    Rule(r"it is worth (?:noting|mentioning|pointing out) that", where="start"),
    Rule(r"(?:as you (?:may|might|probably) (?:already )?know|needless to say|as a matter of fact),", where="start"),
    # Only what is asked for with a verb of its own: "I want you to not ..." would lose its order of words.
    Rule(r"i (?:would|'d) (?:really )?like you to(?= (?!not\b|never\b)(?-i:[a-z]))", where="start"),
    Rule(r"i(?:'d| would)? (?:want|need) you to(?= (?!not\b|never\b)(?-i:[a-z]))", where="start"),
    # "Please the customer" asks for another thing.
    Rule(
        r"(?:please|kindly)(?= (?-i:[a-z]))"
        r"(?! (?:the|an?|all|your|my|our|his|her|their|them|him|me|us|it|every\w*|yourself)\b)",
        where="start",
    ),
    Rule(r"in order to", "to"),
    Rule(r"so as to", "to"),
    Rule(r"(?:due to|owing to|because of|in (?:the )?light of) the fact that", "because"),
    Rule(r"for the reason that", "because"),
    Rule(r"(?:despite|in spite of) the fact that", "although"),
    Rule(r"in the event that", "if"),
    Rule(r"at (?:this point in|the present) time", "now"),
    Rule(r"until such time as", "until"),
    Rule(r"prior to", "before"),
    Rule(r"subsequent to", "after"),
    Rule(r"for the purposes? of", "for"),
    Rule(r"with the exception of", "except"),
    Rule(r"in close proximity to", "near"),
    Rule(r"has the ability to", "can"),
    Rule(r"each and every", "every"),
    Rule(r"first and foremost", "first"),
    Rule(r"make use of", "use"),
    Rule(r"making use of", "using"),
    Rule(r"take into (?:consideration|account)(?= (?:the|all|any|every|each|that)\b)", "consider"),
    Rule(r"on a (daily|weekly|monthly|yearly) basis", r"\1"),
)

_MOST: Final = 400_000
"""Characters of a text that is looked at."""
_SENTENCE_START: Final = re.compile(r"(?:^|[.!?]\s+|\n)[ \t]*(?:[-*+\u2022] +|\d{1,3}[.)] +)?$")
_COMPILED: Final = tuple(
    (rule, re.compile(rf"(?<![\w'-])(?:{rule.phrase})(?![\w'-])", re.IGNORECASE)) for rule in RULES
)
_FENCE: Final = re.compile(r"^[ \t]*(?:```|~~~).*?(?:^[ \t]*(?:```|~~~)[^\n]*$|\Z)", re.DOTALL | re.MULTILINE)
_SPANS: Final = re.compile(
    r"`[^`\n]*`"
    r"|\"(?:[^\"\n]|\n(?!\n)){0,4000}?\""
    r"|[\u201c\u00ab](?:[^\u201c\u201d\u00ab\u00bb\n]|\n(?!\n)){0,4000}?[\u201d\u00bb]"
    r"|(?<!\w)'[^'\n]*'(?!\w)"
    r"|https?://\S+"
    r"|^(?: {4}|\t)[ \t]*[^\s][^\n]*$"  # indented code
    r"|^[ \t]*>[^\n]*$"  # a quotation
    r"|^[^\n]*\|[^\n]*\|[^\n]*$"  # a table
    r"|^[ \t]*\(?[A-Za-z][.)][ \t][^\n]*$",  # an answer to choose
    re.MULTILINE,
)
_TAG: Final = re.compile(r"<(/?)([A-Za-z_][\w:.-]{0,60})(?:\s[^<>]{0,400})?(/?)>")
_BRACKET: Final = re.compile(r"[{}\[\]]")
_ABOUT_TEXT: Final = re.compile(
    r"\b(?:translat|proofread|rewrite|rephras|paraphras|summari[sz]|edit|correct|count|quot|verbatim|sentences?\b|phras|"
    r"words?\b|letters?\b|characters?\b|grammar|spell|tone\b|style|sarcas|classif|sentiment|extract|text\b|passage|"
    r"paragraph|statements?\b|argument|adjective|email|e-mail|review|poem|story|transcript|article)",
    re.IGNORECASE,
)
_DATA: Final = re.compile(r":|\b(?:following|below)\b", re.IGNORECASE)
_BLANKS: Final = re.compile(r"[ \t]+")
_RULER: Final = re.compile(r"(?<=\n\n)[ \t]*([-*_=])(?:[ \t]?\1){2,}[ \t]*\n(?=\n)")
_EMPTY_LINES: Final = re.compile(r"\n(?:[ \t]*\n){2,}")


def apply(text: str) -> str | None:
    """The text without filler; None where there is none, and where nothing of it is prose that may be touched.

    Never longer, never empty, the same for the same text.
    """
    if not text or len(text) > _MOST:
        return None
    made = "".join(_clean(text, start, end) if is_prose else text[start:end] for start, end, is_prose in _split(text))
    return made if made.strip() and len(made) < len(text) else None


def _clean(text: str, start: int, end: int) -> str:
    made = text[start:end]
    made = _EMPTY_LINES.sub("\n\n", _RULER.sub("", made))
    before = text[max(0, start - 80) : start]
    for rule, pattern in _COMPILED:
        made = _replace(made, before, rule, pattern)
    return made


def _replace(text: str, before: str, rule: Rule, pattern: re.Pattern[str]) -> str:
    """One rule's phrases in a stretch of prose; `before`: what stands in front of it."""
    made: list[str] = []
    at = 0
    for found in pattern.finditer(text):
        phrase = found.group()
        lead = before + text[: found.start()] if found.start() < 80 else text[found.start() - 80 : found.start()]
        if not _is_plain(phrase):
            continue
        if rule.where == "start" and not _SENTENCE_START.search(lead):
            continue
        becomes = found.expand(rule.becomes)
        if becomes:
            made += text[at : found.start()], becomes.capitalize() if phrase[0].isupper() else becomes
            at = found.end()
            continue
        following = _BLANKS.match(text, found.end())
        first = following.end() if following is not None else found.end()
        # What is left must have something to begin the sentence with: no line's end, no quote. It stays as it is
        # spelled: "Please cd into it" asks for `cd`, which no shell knows as `Cd`.
        if text[first : first + 1].isalpha():
            made.append(text[at : found.start()])
            at = first
    return "".join([*made, text[at:]])


def _is_plain(phrase: str) -> bool:
    """Whether it is written as a phrase is; a title ("In Order To") or a shout stays."""
    return phrase[1:] == phrase[1:].lower()


def _split(text: str) -> Iterator[tuple[int, int, bool]]:
    """The text in stretches, in their order; the third says whether it is prose that may be touched."""
    at = 0
    for start, end in _merged(text):
        if start > at:
            yield at, start, True
        yield start, end, False
        at = end
    if at < len(text):
        yield at, len(text), True


def _merged(text: str) -> list[tuple[int, int]]:
    """Where the stretches are that stay as they are, in order and without overlap."""
    fences = [found.span() for found in _FENCE.finditer(text)]
    spans = fences + [found.span() for found in _SPANS.finditer(text)] + _tagged(text) + _braced(text)
    if text.count('"') % 2:
        spans += _odd_paragraphs(text)
    if _ABOUT_TEXT.search(text) and (data := _DATA.search(text)) is not None:
        spans.append((data.start(), len(text)))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _tagged(text: str) -> list[tuple[int, int]]:
    """From each tag to the one that closes it; a tag that nothing closes stands for itself."""
    spans: list[tuple[int, int]] = []
    opened: dict[str, list[int]] = {}
    for found in _TAG.finditer(text):
        closing, name, alone = found.groups()
        start = found.start()
        if closing and opened.get(name):
            start = opened[name].pop()
        elif not closing and not alone:
            opened.setdefault(name, []).append(start)
        spans.append((start, found.end()))
    return spans


def _braced(text: str) -> list[tuple[int, int]]:
    """What stands in braces and square brackets, to the end of the text where one is never closed."""
    spans: list[tuple[int, int]] = []
    depth = start = 0
    for found in _BRACKET.finditer(text):
        if found.group() in "{[":
            start = start if depth else found.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                spans.append((start, found.end()))
    return [*spans, (start, len(text))] if depth else spans


def _odd_paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Paragraphs in which a quote begins or ends that is not whole."""
    at = 0
    for paragraph in text.split("\n\n"):
        if paragraph.count('"') % 2:
            yield at, at + len(paragraph)
        at += len(paragraph) + 2
