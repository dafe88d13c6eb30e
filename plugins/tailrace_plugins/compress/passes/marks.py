"""Marks in place of the lines that are left out of a text."""

from collections.abc import Callable, Sequence
from itertools import accumulate


def marked(
    lines: Sequence[str],
    fine: Sequence[bool],
    cut: Sequence[bool],
    id_: str = "",
    stand_for: Callable[[str], int] = lambda line: 1,
) -> str:
    """The lines with marks that count those that are left out: `fine` ones, which only say that nothing went wrong, and
    those that are `cut`.

    With an id the model can ask for what is left out: the mark says which lines of it they are, counted from 1. A line
    may stand for several lines of what it is given then, as `stand_for` says.
    """
    ends = list(accumulate(stand_for(line) for line in lines)) if id_ else []
    made: list[str] = []
    start = 0
    while start < len(lines):
        if not (fine[start] or cut[start]):
            made.append(lines[start])
            start += 1
            continue
        end = start
        while end < len(lines) and (fine[end] or cut[end]):
            end += 1
        where = f": lines {(ends[start - 1] if start else 0) + 1}-{ends[end - 1]} of {id_}" if id_ else ""
        if all(fine[start:end]):
            made.append(f"[... {end - start} lines of passing tests or finished steps left out{where}]")
        else:
            characters = sum(map(len, lines[start:end])) + end - start
            made.append(f"[... {end - start} lines ({characters} characters) left out{where}]")
        start = end
    return "\n".join(made)
