"""What this process knows of a session together with what others have stored of it. Pure."""

from tailrace_plugins.compress.chain import Decision
from tailrace_plugins.compress.memory import Generation, Known, Note, cost, note_cost


def joined(mine: Known, stored: Known) -> Known:
    """Both, as one generation; of what both decided, what this process has: it has sent that last.

    Where either is full, so are both: of a message that is not in it nobody knows whether it was sent as it is.
    """
    if mine.full:
        return mine
    decided: dict[bytes, Decision] = {}
    noted: dict[bytes, Note] = {}
    followed: frozenset[bytes] = frozenset()
    for generation in (stored.before, stored.now, mine.before, mine.now):
        decided.update(generation.decided)
        for link, note in generation.noted.items():
            noted[link] = noted[link].with_more(note) if link in noted else note
        followed |= generation.followed
    size = sum(map(cost, decided.values())) + sum(map(note_cost, noted.values()))
    return Known(Generation(decided, followed, size, noted), full=stored.full)
