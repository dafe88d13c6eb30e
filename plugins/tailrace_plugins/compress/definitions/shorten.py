"""Long descriptions of tools and of their parameters, shortened at the ends of sentences. Lossy.

What a description begins with stays, and what it demands: a sentence with "must", "never", "only", a format, a unit.
Sentences that three tools or more have in common go first, for they tell no tool from another.
"""

import inspect
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.definitions.form import Form, read
from tailrace_plugins.compress.definitions.schema import Place, edited
from tailrace_plugins.compress.definitions.sentences import Sentence, cut, sentences

_COMMON: Final = 3
"""Tools that say the same sentence, for it to tell none from another."""
_LONG_BLANK: Final = re.compile(r"\s{65,}")
_MOST_READ: Final = 30_000
"""Characters of a description that is looked at."""
_MOST_EXAMPLES: Final = 50
"""Brackets of tags in a description whose examples are looked for: of many more, that takes too long."""
_GOES_ON: Final = "..."
_LABEL: Final = re.compile(r"^(?:(?:tool|function) )?description:\s*(?=\S)", re.IGNORECASE)
_TAGGED: Final = r"<(examples?|example_\w{1,40}|(?:good|bad)[-_]example)>.*?</\1>"
_EXAMPLE: Final = re.compile(_TAGGED, re.DOTALL | re.IGNORECASE)
_EXAMPLE_LINES: Final = re.compile(rf"^[ \t]*{_TAGGED}[ \t]*(?:\n|\Z)", re.DOTALL | re.IGNORECASE | re.MULTILINE)
_EXAMPLE_HEADING: Final = re.compile(r"\s*(?:#{1,6} +)?(?:usage )?examples?(?: usage| calls?)?:?\s*", re.IGNORECASE)
_BOLD: Final = re.compile(r"(?<![\w*/\\\"'`])(\*\*)(?=[\w(])([^*\n`\"]{1,200}?)(?<=[\w.:!?)])\*\*(?![\w*/])")
_RULER: Final = re.compile(r"^[ \t]*([-*_=])(?:[ \t]*\1){2,}[ \t]*$\n?", re.MULTILINE)
_BLANKS: Final = re.compile(r"(?<=\S)[ \t]{2,}(?=\S)")
_EMPTY_LINES: Final = re.compile(r"\n{3,}")
_FENCED: Final = re.compile(r"(^[ \t]*(?:```|~~~).*?(?:^[ \t]*(?:```|~~~)[^\n]*$|\Z))", re.DOTALL | re.MULTILINE)
_LITERAL: Final = re.compile(r"(`[^`\n]*`|\"[^\"\n]*\"|(?<!\w)'[^'\n]*'(?!\w))")


def shortened(shape: Shape, tools: Sequence[Any], most_chars: int, parameter_chars: int | None = None) -> list[Any]:
    """The tools with descriptions of at most `most_chars` characters, those of parameters of `parameter_chars`.

    Without the latter: half of the former. All descriptions lose Markdown's decoration and repeated blanks, only longer
    ones examples and sentences. Longer than that stays: a first sentence that can only be cut within a word or a
    literal, what it hangs on, and in a parameter what lists the allowed values or gives the format: without them a call
    goes wrong.
    No description becomes empty, none becomes longer. Never raises; the same object for a tool without a change.
    """
    within = max(1, most_chars // 2 if parameter_chars is None else parameter_chars)
    forms = [read(shape, tool) for tool in tools]
    common = _common([form for form in forms if form is not None])
    return [
        tool if form is None else _shorter(form, max(1, most_chars), within, common)
        for tool, form in zip(tools, forms, strict=True)
    ]


def summary(description: str, most_chars: int, common: Collection[str] = ()) -> str:
    """The first sentence that tells a tool from others, on one line; "" where there is none."""
    found = [one for one in sentences(tidy(description[:_MOST_READ])) if not one.code]
    said = [one for one in found if not one.leads] or found
    first = next((one for one in said if one.text not in common), said[0] if said else None)
    if first is None:
        return ""
    text = " ".join(_LABEL.sub("", first.text).split())
    made = cut(text, most_chars)
    return made if len(made) == len(text) else made + _GOES_ON


def common_sentences(descriptions: Sequence[str]) -> frozenset[str]:
    """Sentences that stand in at least three of the descriptions."""
    count: Counter[str] = Counter()
    for description in descriptions:
        count.update({one.text for one in sentences(tidy(description[:_MOST_READ]))})
    return frozenset(text for text, times in count.items() if times >= _COMMON)


def tidy(text: str) -> str:
    """The text without Markdown's bold and rulers, repeated blanks and empty lines. Literals and code stay."""
    # Nobody writes so; the patterns that look for indents and ends would take the square of its length.
    text = _LONG_BLANK.sub(" ", text)
    parts = _FENCED.split(inspect.cleandoc(text) if "\n" in text and "\t" not in text else text.strip())
    for at in range(0, len(parts), 2):
        lines = [line.rstrip(" \t") for line in _RULER.sub("", parts[at]).split("\n")]
        spoken = _LITERAL.split(_EMPTY_LINES.sub("\n\n", "\n".join(lines)))
        for position in range(0, len(spoken), 2):
            spoken[position] = _BLANKS.sub(" ", _BOLD.sub(r"\2", spoken[position]))
        parts[at] = "".join(spoken)
    return "".join(parts).strip()


def _common(forms: Sequence[Form]) -> frozenset[str]:
    return common_sentences([form.description for form in forms])


def _shorter(form: Form, most: int, within: int, common: Collection[str]) -> Mapping[str, Any]:
    def edit(schema: Mapping[str, Any], place: Place) -> Mapping[str, Any]:
        said = schema.get("description")
        if not isinstance(said, str):
            return schema
        made = _text(said, most if place.root else within, (), keep_values=not place.root)
        return schema if made == said else {**schema, "description": made}

    return form.written(_text(form.description, most, common, keep_values=False), edited(form.schema, form.name, edit))


def _text(text: str, most: int, common: Collection[str], *, keep_values: bool) -> str:
    """A description's text, shortened; the same where nothing is gained."""
    if len(text) > _MOST_READ:
        return text
    made = tidy(text)
    if len(made) > most:
        made = _without_examples(made)
    if len(made) > most:
        made = _chosen(made, most, common, keep_values=keep_values) or made
    return made if made and len(made) < len(text) else text


def _without_examples(text: str) -> str:
    made = text
    if text.count("<") <= _MOST_EXAMPLES:
        made = _EXAMPLE.sub(" ", _EXAMPLE_LINES.sub("", text))
    kept: list[str] = []
    skipping = fenced = False
    for line in made.split("\n"):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced and _EXAMPLE_HEADING.fullmatch(line):
            skipping = True
        elif skipping and not fenced and kept and not line.strip():
            # An example ends at an empty line that text follows; what it is made of is not known better.
            skipping = False
        if not skipping:
            kept.append(line)
    return _EMPTY_LINES.sub("\n\n", "\n".join(kept)).strip() or text


def _chosen(text: str, most: int, common: Collection[str], *, keep_values: bool) -> str:
    """The sentences that may stay, in their order."""
    found = sentences(text)
    if not found:
        return text
    first = next((at for at, one in enumerate(found) if one.text not in common and not one.code and not one.leads), 0)
    pick = _Pick(found, most)
    pick.force(first, cut_to=most)
    if keep_values:
        for at, one in enumerate(found):
            if one.lists and not one.code:
                pick.force(at)
    demanding: list[bool] = []
    for one in found:
        # "Never use it for:" makes a demand of each point below it.
        demanding.append(one.demands or any(demanding[index] for index in one.needs if found[index].leads))
    prose = [at for at, one in enumerate(found) if not one.leads and not one.code]
    own = [at for at in prose if found[at].text not in common]
    for at in [*own, *(at for at in prose if found[at].text in common)]:
        if demanding[at]:
            pick.take(at)
    for at in own:
        if found[at].constrains:
            pick.take(at)
    # After the demands what stands first, and no sentence behind one that did not fit: that would read as if it
    # followed from another.
    for at in own:
        if not pick.take(at):
            break
    return pick.text()


class _Pick:
    """Sentences taken so far, each with those that it needs."""

    def __init__(self, found: Sequence[Sentence], most: int) -> None:
        self.found = found
        self.most = most
        self.length = 0
        self.taken: dict[int, str] = {}

    def force(self, at: int, cut_to: int | None = None) -> None:
        """Take one whatever its length, or its beginning."""
        for index in self._with_needs(at):
            text = self.found[index].text
            if cut_to is not None and index == at and len(text) > cut_to:
                begun = cut(text, cut_to - len(_GOES_ON))
                text = text if begun == text else begun + _GOES_ON
            # What stood before the label is left out, so that it labels nothing.
            self._add(index, _LABEL.sub("", text) if index else text)

    def take(self, at: int) -> bool:
        """Take one if there is room for it and for what it needs."""
        if at in self.taken:
            return True
        wanted = self._with_needs(at, self.most - self.length)
        for index in wanted:
            self._add(index, self.found[index].text)
        return bool(wanted)

    def text(self) -> str:
        made = ""
        line = -1
        for at in sorted(self.taken):
            one = self.found[at]
            # Chinese and Japanese sentences follow each other without a blank.
            blank = "" if not made or made[-1] in "\u3002\uff01\uff1f" else " "
            made += ("\n" if made and one.line != line else blank) + self.taken[at]
            line = one.line
        return made.strip()

    def _add(self, index: int, text: str) -> None:
        self.length += len(text) + 1
        self.taken[index] = text

    def _with_needs(self, at: int, room: int | None = None) -> list[int]:
        """Those to take for one; none where they need more characters than there is room for."""
        wanted: set[int] = set()
        waiting = [at]
        length = -1
        while waiting:
            index = waiting.pop()
            if index not in wanted and index not in self.taken:
                wanted.add(index)
                waiting += self.found[index].needs
                length += len(self.found[index].text) + 1
                if room is not None and length > room:
                    return []
        return sorted(wanted)
