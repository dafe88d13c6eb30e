"""Reads the word lists that lie in `data/` beside this file, each once in the life of the process."""

from functools import lru_cache
from importlib import resources


@lru_cache(maxsize=64)
def lines(name: str) -> tuple[str, ...]:
    """The lines of `data/<name>.txt` without comments (lines that begin with #) and blanks; none without a file."""
    path = resources.files(__package__) / "data" / f"{name}.txt"
    if not path.is_file():
        return ()
    stripped = (line.strip() for line in path.read_text("utf-8").splitlines())
    return tuple(line for line in stripped if line and not line.startswith("#"))


@lru_cache(maxsize=64)
def words(name: str) -> frozenset[str]:
    """Every entry of a list whose lines are entries separated by commas."""
    return frozenset(entry.strip() for line in lines(name) for entry in line.split(",") if entry.strip())


@lru_cache(maxsize=8)
def mapping(name: str) -> dict[str, str]:
    """The entries "key = value" of a list whose lines are entries separated by commas."""
    pairs = (entry.split("=", 1) for line in lines(name) for entry in line.split(",") if "=" in entry)
    return {key.strip(): value.strip() for key, value in pairs}


def groups(name: str) -> list[list[str]]:
    """One list of entries for each line."""
    return [[entry.strip() for entry in line.split(",") if entry.strip()] for line in lines(name)]
