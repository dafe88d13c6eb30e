"""How far several answers to one request say the same: self-consistency (arXiv:2203.11171). Pure.

As a sign of when to ask the stronger model it is measured in arXiv:2310.03094. Those papers compare final answers,
which free text has none of: it is compared by its words, like ROUGE-1's F1 (Lin, 2004).
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from tailrace.wire import jsonio
from tailrace_plugins.router.cascade.reading import Answer

_MOST_CHARS: Final = 20_000
_END_CHARS: Final = 2000
"""Where a final answer is looked for: at the end."""

_WORDS: Final = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+")
"""Words; single signs in scripts that write none apart."""

_FINAL: Final = re.compile(
    r"(?:####|\\boxed\{|\b(?:answer|result|antwort|ergebnis|réponse|respuesta|risposta|resposta|ответ|答案|答え)\b"
    r"[*_]*(?: (?:is|ist|est|es|è|é)\b)?[*_]* ?[:：=]?)[ *_$]*([^\n}]{1,80})",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"-?\d[\d,. ]*")

_APART: Final = 0.2
_TOGETHER: Final = 0.6
"""Shares of words: what two answers to one question have in common whatever they say, and what those have that
say the same: chosen, not measured."""


def agreement(answer: Answer, samples: Sequence[Answer]) -> float:
    """The mean likeness (0 to 1) of `answer` to each sample. A sample that broke off agrees with nothing."""
    if not samples:
        raise ValueError("there is nothing to compare with")
    return sum(likeness(answer, sample) for sample in samples) / len(samples)


def likeness(one: Answer, other: Answer) -> float:
    """How far two answers say the same, 0 to 1.

    Calls: 1 if the same tools are called with equal arguments, in whatever order. JSON: 1 if equal, else the share of
    equal top-level members. Texts with a final answer ("the answer is 5", `#### 5`, a box): 1 if that is equal, else 0.
    Other texts: by the words they share.
    """
    if one.broken or other.broken:
        return 0.0
    if one.calls or other.calls:
        return float(_calls(one) == _calls(other))
    here, there = one.text[:_MOST_CHARS].strip(), other.text[:_MOST_CHARS].strip()
    if not here or not there:
        return 0.0
    if here == there:
        return 1.0
    values = _json(here), _json(there)
    if type(values[0]) in (dict, list) and type(values[1]) in (dict, list):
        return _members(*values)
    finals = _final(here), _final(there)
    if finals[0] and finals[1]:
        return float(finals[0] == finals[1])
    return _by_words(here, there)


def _calls(answer: Answer) -> Counter[bytes]:
    return Counter(jsonio.dumps([call.name, _json(call.arguments) or call.arguments]) for call in answer.calls)


def _json(text: str) -> Any:
    try:
        return jsonio.loads(text)
    except jsonio.BadJson:
        return None


def _members(one: Any, other: Any) -> float:
    if one == other:
        return 1.0
    if type(one) is not dict or type(other) is not dict:
        return 0.0
    names = one.keys() | other.keys()
    equal: int = sum(name in one and name in other and one[name] == other[name] for name in names)
    return equal / len(names)


def _final(text: str) -> str:
    """The last thing that is called the answer: its number if it begins with one, else its words; "" for none."""
    found = ""
    for match in _FINAL.finditer(text[-_END_CHARS:]):
        found = match[1]
    if number := _NUMBER.match(found):
        return number[0].replace(",", "").replace(" ", "").rstrip(".")
    return " ".join(_WORDS.findall(found.casefold()))


def _by_words(one: str, other: str) -> float:
    here, there = Counter(_WORDS.findall(one.casefold())), Counter(_WORDS.findall(other.casefold()))
    size = here.total() + there.total()
    if not size:
        return 0.0
    overlap = 2 * (here & there).total() / size
    return min(1.0, max(0.0, (overlap - _APART) / (_TOGETHER - _APART)))
