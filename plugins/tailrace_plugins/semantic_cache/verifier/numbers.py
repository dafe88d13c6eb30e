"""One way to write each number, percentage, sum, time of day and date. Notations only: units are never converted."""

import re
from typing import Final

from tailrace_plugins.semantic_cache.verifier import wordlists

_ONES: Final = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_TENS: Final = dict(
    zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True)
)
_SCALES: Final = {
    **{"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12},
    **{"lakh": 10**5, "lakhs": 10**5, "crore": 10**7, "crores": 10**7, "millions": 10**6, "mn": 10**6, "bn": 10**9},
}
_ORDINALS: Final = dict(
    zip(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(),
        "1st 2nd 3rd 4th 5th 6th 7th 8th 9th 10th 11th 12th".split(),
        strict=True,
    )
)
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sep sept",
            "october oct",
            "november nov",
            "december dec",
        ),
        1,
    )  # fmt: skip
    for name in names.split()
}
_UNITS: Final = {
    alias: unit.strip()
    for unit, _, aliases in (line.partition("=") for line in wordlists.lines("units"))
    for alias in aliases.split()
}
_CURRENCY: Final = frozenset({"$", "€", "£", "₹", "¥", "rs", "rs."})
_GROUPED: Final = re.compile(r"-?\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?")
_ATTACHED: Final = re.compile(r"(-?\d+(?:[.,]\d+)*)([a-z%]+)")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})")
_ORDINAL: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th)")


def unify(words: list[str]) -> list[str]:
    """Rewrite the numbers in a list of lower-case words; every other word comes back as it was, in order."""
    out: list[str] = []
    at = 0
    while at < len(words):
        taken, made = _number(words, at)
        out.extend(made)
        at += taken
    return _dates(out)


def _number(words: list[str], at: int) -> tuple[int, list[str]]:
    """How many words the number at `at` takes, and what they become. One word that is no number becomes itself."""
    word = words[at]
    if word in _CURRENCY and at + 1 < len(words) and words[at + 1][:1].isdigit():
        taken, made = _number(words, at + 1)
        return taken + 1, [made[0], _UNITS[word.rstrip(".")], *made[1:]]
    if word in _ORDINALS:
        return 1, [_ORDINALS[word]]
    if word in _ONES or word in _TENS:
        return _spelled(words, at)
    if not word[:1].isdigit() and not (word.startswith("-") and word[1:2].isdigit()):
        return 1, [word]
    clock = _time(words, at)
    if clock is not None:
        return clock
    return _digits(words, at)


def _spelled(words: list[str], at: int) -> tuple[int, list[str]]:
    total, current, start = 0, 0, at
    while at < len(words):
        word = words[at]
        if word in _ONES and (
            at == start or words[at - 1] in _TENS or words[at - 1] in _SCALES or words[at - 1] == "and"
        ):
            current += _ONES[word]
        elif word in _TENS and (at == start or words[at - 1] in _SCALES or words[at - 1] == "and"):
            current += _TENS[word]
        elif word in _SCALES and at > start:
            if _SCALES[word] == 100:
                current *= 100
            else:
                total, current = total + current * _SCALES[word], 0
        elif not (word == "and" and at > start and words[at - 1] in _SCALES and words[at + 1 : at + 2] and (
            words[at + 1] in _ONES or words[at + 1] in _TENS)):  # fmt: skip
            break
        at += 1
    number = str(total + current)
    if at < len(words) and words[at] in _UNITS:
        return at - start + 1, [number, _UNITS[words[at]]]
    return at - start, [number]


def _digits(words: list[str], at: int) -> tuple[int, list[str]]:
    word, taken = words[at], 1
    if _GROUPED.fullmatch(word):
        word = word.replace(",", "")
    attached = _ATTACHED.fullmatch(word)
    if attached is not None and attached[2] == "k":
        value = float(attached[1].replace(",", "")) * 1000
        word = str(int(value)) if value.is_integer() else str(value)
    elif attached is not None and attached[2] in _UNITS:
        return taken, [attached[1], _UNITS[attached[2]]]
    following = words[at + 1] if at + 1 < len(words) else ""
    if following in _SCALES and re.fullmatch(r"\d+(?:\.\d+)?", word):
        value = float(word) * _SCALES[following]
        word, taken = (str(int(value)) if value.is_integer() else str(value)), 2
        following = words[at + 2] if at + 2 < len(words) else ""
    if re.fullmatch(r"\d+\.0+", word):
        word = word.partition(".")[0]
    if following in _UNITS:
        return taken + 1, [word, _UNITS[following]]
    return taken, [word]


def _time(words: list[str], at: int) -> tuple[int, list[str]] | None:
    """Half past nothing: 5pm, 5 pm, 5:30 p.m. and 17:00 become one sign."""
    word, taken = words[at], 1
    half = ""
    if word.endswith(("am", "pm")):
        word, half = word[:-2], word[-2:]
    elif words[at + 1 : at + 2] in (["am"], ["pm"]):
        half, taken = words[at + 1], 2
    elif words[at + 1 : at + 2] == ["o'clock"]:
        return 2, [word]
    clock = _CLOCK.fullmatch(word)
    if clock is not None:
        hour, minute = int(clock[1]), clock[2]
    elif half and word.isdigit() and len(word) <= 2:
        hour, minute = int(word), "00"
    else:
        return None
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return taken, [f"{hour}h{minute}"]


def _dates(words: list[str]) -> list[str]:
    """Day and month in either order, with or without a year, become "d<day>.<month>[.<year>]"."""
    out: list[str] = []
    at = 0
    while at < len(words):
        taken, made = _date(words, at)
        out.append(made)
        at += taken
    return out


def _date(words: list[str], at: int) -> tuple[int, str]:
    month = _MONTHS.get(words[at])
    if month is not None:
        day = _day(words, at + 1)
        if day:
            return _with_year(words, at + 2, 2, day, month)
        return 1, words[at] if words[at] in ("may", "march") else f"month{month}"
    day = _day(words, at)
    if day:
        skip = 2 if words[at + 1 : at + 2] == ["of"] else 1
        named = words[at + skip] if at + skip < len(words) else ""
        if named in _MONTHS:
            return _with_year(words, at + skip + 1, skip + 1, day, _MONTHS[named])
    if len(words[at]) == 4 and words[at].isdigit() and words[at + 1 : at + 2] == ["-"] == words[at + 3 : at + 4]:
        numbers = words[at + 2 : at + 3] + words[at + 4 : at + 5]
        if len(numbers) == 2 and all(len(n) == 2 and n.isdigit() for n in numbers):
            return 5, f"d{int(numbers[1])}.{int(numbers[0])}.{words[at]}"
    return 1, words[at]


def _day(words: list[str], at: int) -> int:
    if at >= len(words):
        return 0
    ordinal = _ORDINAL.fullmatch(words[at])
    text = ordinal[1] if ordinal else words[at]
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 2 and 1 <= int(text) <= 31 else 0


def _with_year(words: list[str], at: int, taken: int, day: int, month: int) -> tuple[int, str]:
    comma = 1 if words[at : at + 1] == [","] else 0
    year = words[at + comma] if at + comma < len(words) else ""
    if len(year) == 4 and year.isdigit():
        return taken + comma + 1, f"d{day}.{month}.{year}"
    return taken, f"d{day}.{month}"
