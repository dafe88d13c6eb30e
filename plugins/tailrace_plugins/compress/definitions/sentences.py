"""A description as sentences that can be left out one by one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_WHOLE: Final = re.compile(
    r"`[^`\n]*`"
    r'|"[^"\n]*"'
    r"|\u201c[^\u201c\u201d\n]*\u201d"
    r"|(?<!\w)'[^'\n]*'(?!\w)"
    r"|\([^()\n]*\)"
    r"|\[[^\[\]\n]*\]"
    r"|\{[^{}\n]*\}"
    r"|https?://[^\s\"'<>]+"
)
"""What is never cut: literals, what stands in brackets, addresses."""
_END: Final = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bcf)(?<!\bNo)(?<!\bno)(?<!\bca)(?<!\bapprox)(?<!\bincl)(?<!\bSt)(?<!\bDr)"
    r"(?:[.!?][)\"'\u201d]?(?=\s+[^a-z\s]|\s*$)|[\u3002\uff01\uff1f])"
)
_BULLET: Final = re.compile(r"\s*(?:[-*+\u2022]|\d{1,3}[.)])\s+\S")
_SECTION: Final = re.compile(r"\s*#{1,6} +\S")
_HEADING: Final = re.compile(r"\s*(?:#{1,6} +\S|[A-Z][\w ,/'()-]{0,60}:\s*$)")
_FENCE: Final = re.compile(r"\s*(?:```|~~~)")
_LEANS: Final = re.compile(
    r"(?:however|otherwise|instead|this|that|these|those|it|they|them|then|but|and|or|also|so|such|if so|if not|"
    r"in that|in this|in which|for (?:this|that|these|those)|except|unless|here|both|neither|either|"
    r"the (?:former|latter|same))\b",
    re.IGNORECASE,
)
"""What a sentence begins with that cannot be read without the one before."""
_DEMAND: Final = re.compile(
    r"\b(?:must|needs? to|ha(?:ve|s) to|never|only|always|required?|requires|cannot|can't|can not|don't|do not|may not|"
    r"not allow(?:ed)?|no \w+ (?:is |are )?allowed|should|shouldn't|unless|avoid|not (?:to|for|when)|irreversible|"
    r"forbidden|be careful|make sure)\b",
    re.IGNORECASE,
)
_CONSTRAINT: Final = re.compile(
    r"\b(?:does not|except|until|before|at (?:most|least)|up to|no more than|less than|greater than|between|maximum|"
    r"minimum|max|min|limit(?:ed|s)?|default(?:s|ed)?|ignored|unique|case.sensitive|important|warning|otherwise|instead|"
    r"once|exactly|error)\b",
    re.IGNORECASE,
)
_VALUES: Final = re.compile(
    r"\[?\benum\b\]?|\bone of\b|\beither\b"
    r"|\b(?:allowed|possible|valid|supported|accepted|permitted) (?:values?|options?)\b"
    r"|\b(?:values?|options?) (?:are|is|include)\b|\bformat(?:ted)?\b|\bISO.?\d{3,4}|\bRFC.?\d{3,4}"
    r"|\bregex\b|\bpattern\b"
    r"|\b[YMDHhms]{2,4}[-/:.][YMDHhms]{2}|\bUTC\b|\bbase64\b|\b(?:in|as) (?:milli|micro|nano)?seconds\b"
    r"|\bin (?:minutes|hours|days|bytes|cents|dollars|meters|metres|miles|kilometers|degrees|percent|pixels|USD|EUR)\b"
    r"|\b(?:must|should) be\b|\bstarts? with\b|\bseparated\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, a heading or a block of code.

    `line`: the number of its line. `needs`: indices of those without which it would say something else: the heading
    above it, the sentence that it goes on from. `leads`: a heading, which says nothing alone.
    """

    text: str
    line: int
    needs: tuple[int, ...] = ()
    leads: bool = False
    code: bool = False

    @property
    def demands(self) -> bool:
        """Whether it says what must or must not be."""
        return _DEMAND.search(self.text) is not None

    @property
    def constrains(self) -> bool:
        """Whether it says under what conditions, within what bounds or how a call is made."""
        return self.lists or _CONSTRAINT.search(self.text) is not None

    @property
    def lists(self) -> bool:
        """Whether it says how a value is written: its format, its unit, the values that are allowed."""
        return _VALUES.search(self.text) is not None


def sentences(text: str) -> list[Sentence]:
    """The text's sentences in their order, lines that were only wrapped put together."""
    found: list[Sentence] = []
    above = _Above()
    for number, (line, is_code) in enumerate(_lines(text)):
        if not line.strip():
            continue
        if is_code:
            found.append(Sentence(line, number, (len(found) - 1,) if found else (), code=True))
            continue
        is_bullet = _BULLET.match(line) is not None
        is_section = not is_bullet and _SECTION.match(line) is not None
        is_lead = is_section or line.endswith(":")
        needs = above.find(line, is_bullet=is_bullet, is_section=is_section)
        start = len(found)
        for sentence in [line] if is_section else split(line):
            # What goes on from the sentence before, and all that belongs to one point of a list.
            leans = len(found) > start and (is_bullet or _LEANS.match(sentence) is not None)
            found.append(Sentence(sentence, number, (len(found) - 1,) if leans else needs))
        if is_lead:
            found[-1] = Sentence(found[-1].text, number, found[-1].needs, leads=True)
        if is_lead or is_bullet:
            above.push(line, len(found) - 1 if is_lead else start, is_bullet=is_bullet, is_section=is_section)
    return found


class _Above:
    """The headings and points of lists that a line stands under, by how far they are indented."""

    def __init__(self) -> None:
        self._section: int | None = None
        self._stack: list[tuple[int, int, bool]] = []
        self._is_fresh = False

    def find(self, line: str, *, is_bullet: bool, is_section: bool) -> tuple[int, ...]:
        """The indices of what a line needs: the nearest above, and that needs what is above it."""
        indent = -1 if is_section else _indent(line)
        while self._stack:
            own, _, bulleted = self._stack[-1]
            # The points of a list stand as far in as what leads it, or so does the one paragraph that it leads.
            under = own < indent or (own == indent and not bulleted and (is_bullet or self._is_fresh))
            if under:
                break
            self._stack.pop()
        self._is_fresh = False
        if self._stack:
            return (self._stack[-1][1],)
        return () if self._section is None or is_section else (self._section,)

    def push(self, line: str, index: int, *, is_bullet: bool, is_section: bool) -> None:
        """Remember a line that others may stand under."""
        if is_section:
            self._section = index
        else:
            self._stack.append((_indent(line), index, is_bullet))
            self._is_fresh = not is_bullet


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def split(line: str) -> list[str]:
    """One line's sentences; together, with a blank between, they are the line."""
    spans = [found.span() for found in _WHOLE.finditer(line)]
    made: list[str] = []
    start, at = 0, 0
    marker = _BULLET.match(line)
    for end in _END.finditer(line, marker.end() - 1 if marker else 0):
        while at < len(spans) and spans[at][1] <= end.start():
            at += 1
        if at < len(spans) and spans[at][0] <= end.start():
            continue
        if sentence := line[start : end.end()].strip(" \t" if made else ""):
            made.append(sentence)
        start = end.end()
    if rest := line[start:].strip(" \t" if made else ""):
        made.append(rest)
    return made


def cut(sentence: str, most: int) -> str:
    """The sentence's beginning of at most so many characters, to the end of a clause or else of a word.

    Whole where every cut would fall into a word, a literal or a bracket.
    """
    if len(sentence) <= most:
        return sentence
    spans = [found.span() for found in _WHOLE.finditer(sentence)]
    clause = word = 0
    at = 0
    for found in re.finditer(r"\s+", sentence):
        end = found.start()
        if end > most:
            break
        while at < len(spans) and spans[at][1] <= end:
            at += 1
        if end == 0 or (at < len(spans) and spans[at][0] < end):
            continue
        word = end
        if sentence[end - 1] in ",;:":
            clause = end
    end = clause if clause * 2 >= most else word
    return sentence[:end].rstrip(" ,;:-") if end and sentence[:end].strip(" ,;:-") else sentence


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Logical lines: fenced code in one piece, wrapped prose put together. The second says whether it is code."""
    fence: list[str] = []
    prose = ""
    for line in text.split("\n"):
        if fence or _FENCE.match(line):
            if prose:
                yield prose, False
                prose = ""
            is_open = bool(fence)
            fence.append(line)
            if is_open and _FENCE.match(line):
                yield "\n".join(fence), True
                fence = []
        elif prose and _goes_on(prose, line):
            prose = f"{prose} {line.strip()}"
        else:
            if prose:
                yield prose, False
            prose = line.rstrip()
            if not line.strip():
                yield "", False
                prose = ""
    if prose:
        yield prose, False
    if fence:
        yield "\n".join(fence), True


def _goes_on(before: str, line: str) -> bool:
    """Whether a line is the rest of a sentence that was wrapped."""
    if not line.strip() or _BULLET.match(line) or _HEADING.match(line) or before.endswith((".", "!", "?", ":")):
        return False
    first = line.lstrip()[0]
    named = re.match(r"\s*[\w.`*]{1,60}(?: ?\([^()\n]{0,80}\))?:(?:\s|$)", line)
    return named is None and (first.islower() or first in "(\"'`" or first.isdigit()) and not _HEADING.match(before)
