"""Which entries an invalidation means: pure."""

from dataclasses import dataclass, fields

from tailrace.cache.entry import Entry


@dataclass(frozen=True, slots=True)
class Selector:
    """Entries that fit every part that is given. Without any part it fits nothing; `everything` must be said.

    `question` is a pattern (`*` and `?`) over the whole last user message, case and line ends included.
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
            and (self.tenant is None or entry.tenant == self.tenant)
            and (self.older_than_s is None or now - entry.created > self.older_than_s)
            and (self.question is None or fits_glob(self.question, entry.question))
        )


def fits_glob(pattern: str, text: str) -> bool:
    """Whether `text` fits `pattern` as a whole: `*` is any run of characters, `?` any one.

    Two positions and one way back, so at most len(pattern) * len(text) steps whatever the pattern: a regular expression
    made of many stars would take for ever.
    """
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
