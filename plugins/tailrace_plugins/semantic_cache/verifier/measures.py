"""One way to say a measure and its bound in English: "half an hour" as "30 minute", "5 or more" as "at least 5".

Only exact conversions between units of one kind; a month has no fixed number of days and stays what it is.
"""

import re
from typing import Final

_UP: Final = {
    **{"millisecond": (1000, "second"), "second": (60, "minute"), "minute": (60, "hour"), "hour": (24, "day")},
    **{"day": (7, "week"), "month": (12, "year"), "milligram": (1000, "gram"), "gram": (1000, "kilogram")},
    **{"millimeter": (10, "centimeter"), "centimeter": (100, "meter"), "meter": (1000, "kilometer")},
    **{"milliliter": (1000, "liter"), "kilobyte": (1024, "megabyte"), "megabyte": (1024, "gigabyte")},
    **{"gigabyte": (1024, "terabyte")},
}
"""The factor to the next unit. Prefixes of bytes count in 1024s, as operating systems do."""
_DOWN: Final = {larger: (factor, smaller) for smaller, (factor, larger) in _UP.items()}
_WHOLE: Final = re.compile(r"\d{1,9}")
_PARTS: Final = re.compile(r"\d{1,6}\.\d{1,3}")
_AMOUNT: Final = frozenset(
    "to in for within after of every least most than until by about over under last around takes wait".split()
)
"""Words after which "an hour" is one hour, not "per hour"."""
_BOUNDS: Final = tuple(
    (tuple(phrase.split()), bound)
    for bound, phrases in {
        "at-least": "no less than|no fewer than|not less than|not fewer than|a minimum of|minimum of|at minimum|"
        "a minimum|not under|not below|at the least|at least",
        "at-most": "no more than|not more than|a maximum of|maximum of|not exceeding|no longer than|not longer than|"
        "not over|not above|no greater than|no larger than|no bigger than|not bigger than|not larger than|"
        "not greater than|no higher than|not higher than|up to|at the most|at most",
        "more-than": "more than|greater than|larger than|bigger than|higher than|over|above|exceeding|in excess of|"
        "upwards of",
        "less-than": "less than|fewer than|smaller than|lower than|under|below",
    }.items()
    for phrase in phrases.split("|")
)
_AFTER: Final = tuple(
    (tuple(phrase.split()), bound)
    for bound, phrases in {
        "at-least": "or more|or above|or higher|or over|or greater|or longer|and more|and up|and above|and over|"
        "at least|minimum|or upwards|upwards",
        "at-most": "or less|or fewer|or below|or under|or lower|or shorter|at most|at the most|maximum|max|tops",
    }.items()
    for phrase in phrases.split("|")
)
_SAID: Final = {"at-least": "at least", "at-most": "at most", "more-than": "more than", "less-than": "less than"}


def unify(words: list[str]) -> list[str]:
    """Rewrite the measures and bounds in a list of words whose numbers are unified. Length at most grows by two."""
    if not any(word[:1].isdigit() for word in words) and "hour" not in words and "minute" not in words:
        return words
    return _bounds(_convert(_spoken(words)))


def _spoken(words: list[str]) -> list[str]:
    out: list[str] = []
    at = 0
    while at < len(words):
        two, three, four = words[at : at + 2], words[at : at + 3], words[at : at + 4]
        unit = words[at + 1] if len(two) == 2 else ""
        if three[:2] == ["half", "a"] and three[-1] in ("hour", "minute"):
            out.extend(["30", _DOWN[three[-1]][1]])
            at += 3
        elif words[at] in ("a", "1") and unit in ("hour", "minute") and words[at + 2 : at + 5] == ["and", "a", "half"]:
            out.extend(["90", _DOWN[unit][1]])
            at += 5
        elif _WHOLE.fullmatch(words[at]) and words[at + 1 : at + 4] == ["and", "a", "half"] and words[at + 4 : at + 5]:
            out.append(words[at] + ".5")
            at += 4
        elif words[at] == "a" and unit in ("hour", "minute", "second", "week") and out and out[-1] in _AMOUNT:
            out.append("1")
            at += 1
        elif four[:2] == ["a", "dozen"]:
            out.append("12")
            at += 2
        else:
            out.append(words[at])
            at += 1
    return out


def _convert(words: list[str]) -> list[str]:
    out = list(words)
    for at in range(1, len(out)):
        unit = (
            out[at].removesuffix("s") if out[at].removesuffix("s") in _UP or out[at].removesuffix("s") in _DOWN else ""
        )
        if not unit:
            continue
        number = out[at - 1]
        if _PARTS.fullmatch(number) and unit in _DOWN:
            factor, smaller = _DOWN[unit]
            value = float(number) * factor
            if value.is_integer():
                number, unit = str(int(value)), smaller
        while _WHOLE.fullmatch(number) and int(number) and unit in _UP and int(number) % _UP[unit][0] == 0:
            number, unit = str(int(number) // _UP[unit][0]), _UP[unit][1]
        if number != out[at - 1]:
            out[at - 1], out[at] = number, unit
    return out


def _bounds(words: list[str]) -> list[str]:
    """Put each bound before its number."""
    out: list[str] = []
    at = 0
    while at < len(words):
        phrase, bound = next(
            ((p, b) for p, b in _BOUNDS if tuple(words[at : at + len(p)]) == p and _numbered(words, at + len(p))),
            ((), ""),
        )
        if bound:
            out.extend(_SAID[bound].split())
            at += len(phrase)
            continue
        phrase, bound = next(((p, b) for p, b in _AFTER if tuple(words[at : at + len(p)]) == p), ((), ""))
        number = _number_before(out) if bound else -1
        if number >= 0 and out[number - 2 : number] not in (["at", "least"], ["at", "most"]):
            out[number:number] = _SAID[bound].split()
            at += len(phrase)
            continue
        out.append(words[at])
        at += 1
    return out


def _numbered(words: list[str], at: int) -> bool:
    return words[at : at + 1] != [] and words[at][:1].isdigit()


def _number_before(out: list[str]) -> int:
    """Where the number stands that ends a list of words, with its unit or without; -1 where there is none."""
    for back in (1, 2):
        if (
            len(out) >= back
            and out[-back][:1].isdigit()
            and (back == 1 or out[-1] in _UP or out[-1] in _DOWN or len(out[-1]) > 2)
        ):
            return len(out) - back
    return -1
