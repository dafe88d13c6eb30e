"""Which entries an invalidation means: pure."""

from dataclasses import dataclass, fields
from typing import Final

from tailrace.cache.entry import Entry

_HASH_CHARS: Final = 8
"""As much of a hashed tenant as the log shows."""


@dataclass(frozen=True, slots=True)
class Selector:
    """Entries that fit every part that is given. Without any part it fits nothing; `everything` must be said.

    `question` is a pattern (`*` and `?`) over the last user message (its first 2,000 characters), case and line ends
    included. `tenant` may be the beginning of a hashed tenant's name, at least 8 characters, as the log shows it.
    """

    cache: str | None = None
    key: str | None = None
    tag: str | None = None
    model: str | None = None
    tenant: str | None = None
    question: str | None = None
    older_than_s: float | None = None
    everything: bool = False

    @property
    def says_something(self) -> bool:
        """Whether it names what is to go."""
        names = [part.name for part in fields(self) if part.name not in ("cache", "everything")]
        return self.everything or any(getattr(self, name) is not None for name in names)

    def fits(self, entry: Entry, now: float) -> bool:
        """Whether the entry is meant."""
        return (
            self.says_something
            and (self.cache is None or entry.cache == self.cache)
            and (self.key is None or entry.key == self.key)
            and (self.tag is None or self.tag in entry.tags)
            and (self.model is None or entry.model == self.model)
            and (self.tenant is None or _is_tenant(self.tenant, entry.tenant))
            and (self.older_than_s is None or now - entry.created > self.older_than_s)
            and (self.question is None or fits_glob(self.question, entry.question))
        )


def fits_glob(pattern: str, text: str) -> bool:
    """Whether `text` fits `pattern` as a whole: `*` is any run of characters, `?` any one.

    Two positions and one way back, so at most len(pattern) * len(text) steps whatever the pattern: a regular expression
    made of many stars would take for ever.
    """
    if "?" not in pattern:
        return _fits_stars(pattern.split("*"), text)
    at = star = mark = 0
    back = -1
    while at < len(text):
        if star < len(pattern) and pattern[star] == "*":
            back, mark = star, at
            star += 1
        elif star < len(pattern) and pattern[star] in ("?", text[at]):
            at, star = at + 1, star + 1
        elif back >= 0:
            mark += 1
            at, star = mark, back + 1
        else:
            return False
    return pattern[star:].strip("*") == ""


def _fits_stars(parts: list[str], text: str) -> bool:
    """Whether `text` has the parts between stars, in their order: the first at its start, the last at its end."""
    if len(parts) == 1:
        return parts[0] == text
    first, *middle, last = parts
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _is_tenant(asked: str, tenant: str) -> bool:
    return tenant == asked or (len(asked) >= _HASH_CHARS and tenant.startswith(asked))
