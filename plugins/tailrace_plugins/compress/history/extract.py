"""A summary without a model: what was said, what was done, and the facts that later turns may need. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.history.said import Said, said
from tailrace_plugins.compress.history.words import Words, error_line, first_line, leaves, parsed, shorten, weight

_TOLD_SHARE: Final = 0.45
"""Of the room, for what was said and done; the rest is for facts."""
_WIDEST: Final = 240
_NARROWEST: Final = 36
_ERROR_CHARS: Final = 400
"""Of a result, where it tells that it failed: further on, a file or a log may tell of other errors."""
_LEAST_ROOM: Final = 8
_ERROR_WIDTH: Final = 120
_CHARS_PER_TOKEN: Final = 3.0
"""Of ids and numbers; the first guess, corrected by counting."""
_ROUNDS: Final = 4
_WHO: Final = frozenset({"User", "Model", "System", "Summary"})
_PATHS: Final = ("path", "file_path", "filepath", "filename", "file")
_OUTCOMES: Final = ("error", "message", "status", "state", "name", "title", "result", "id", "count", "total")


@dataclass(slots=True)
class _Line:
    """One line of the summary: what somebody said, or a call with its outcome."""

    kind: str
    who: str
    text: str
    index: int
    arguments: str = ""
    value: Any = None
    told: Mapping[str, str] = field(default_factory=dict)
    failed: bool = False
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class _Fact:
    """A fact, as it is written in the line `home`. `place`: its order in there."""

    word: str
    written: str
    home: int
    place: int
    value: float


def extract(
    shape: Shape,
    messages: Sequence[Any],
    most_tokens: int,
    count: Callable[[str], int],
    kept: Sequence[Any] = (),
) -> str:
    """What these messages say, in at most `most_tokens` of `count`.

    One line for each message and each call, oldest first, as far as there is room: what the user said, first of all the
    last, then what failed, then what was done last. Behind it stand the facts that it told, those that the conversation
    came back to before those told once. A call that was made again later, with a result,
    gets only a word, as does one that read a part of a file that was read whole later. `kept` are the messages behind
    these that stay: what stands in them is not repeated.

    Every line begins with who said it and is one line, so that a tool's result cannot pass for what the user said.
    Deterministic; linear in the size of the messages, of which very long ones are read at both ends.
    """
    words, later = Words(), said(shape, kept)
    lines = _lines(said(shape, messages), later, words)
    ranked = _ranked(lines, _there(later, words), words)
    room = int(most_tokens * _CHARS_PER_TOKEN)
    best = ""
    for _ in range(_ROUNDS):
        text, is_all = _written(lines, ranked, room, words)
        tokens = count(text)
        if tokens <= most_tokens:
            best = max(best, text, key=len)
            if is_all or tokens >= 0.95 * most_tokens:
                break
        room = int(room * most_tokens / max(1, tokens) * (0.97 if tokens > most_tokens else 0.99))
    return best or _fitting(text.split("\n"), most_tokens, count)


def _lines(entries: Sequence[Said], later: Sequence[Said], words: Words) -> list[_Line]:
    """Calls and their results become one line; those that were made again, with a result, are superseded."""
    lines: list[_Line] = []
    open_calls: dict[str, _Line] = {}
    done: list[_Line] = []
    for entry in entries:
        if entry.kind == "call":
            line = _Line("call", entry.name or "call", "", len(lines), entry.text)
            open_calls[entry.call] = line
            done.append(line)
        elif entry.kind == "result" and (found := open_calls.pop(entry.call, None)) is not None:
            found.text, found.failed = entry.text, entry.failed
            continue
        elif entry.kind == "result":
            line = _Line("call", entry.name or "result", entry.text, len(lines), failed=entry.failed)
        else:
            line = _Line(entry.kind, entry.kind.capitalize(), entry.text, len(lines))
        lines.append(line)
    answered = {entry.call for entry in later if entry.kind == "result" and entry.text and not _has_failed(entry)}
    made = [entry for entry in later if entry.kind == "call" and entry.call in answered]
    again = {key for entry in made for key in _reads(entry.name, entry.text, is_later=True)}
    for line in reversed(done):
        line.superseded = not again.isdisjoint(_reads(line.who, line.arguments, is_later=False))
        line.value = parsed(line.text) if not line.superseded else None
        line.failed = line.failed or _tells_of_error(line.text, line.value)
        if line.text and not line.failed:
            again.update(_reads(line.who, line.arguments, is_later=True))
    for line in lines:
        if line.kind == "call" and not line.superseded:
            line.told = words.told(line.text, line.value)
        elif line.kind == "summary":
            line.told = {word: word for word in words.facts(line.text) if word not in _WHO}
        elif line.kind != "call":
            # In what people say, any sentence begins with a capital.
            line.told = {word: word for word in words.facts(line.text) if not word.isalpha()}
    return lines


def _reads(name: str, arguments: str, is_later: bool) -> Iterator[tuple[str, str]]:
    """What a call asks for: a later one that asks for the same makes an earlier one needless.

    So does one that reads a whole file, of which the earlier read a part.
    """
    yield name, "".join(arguments.split())
    value = parsed(arguments)
    if isinstance(value, dict) and (len(value) == 1 or not is_later):
        path = next((one for key in _PATHS if isinstance(one := value.get(key), str)), None)
        if path is not None:
            yield name, f"whole {path}"


def _tells_of_error(text: str, value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value.get("error")) or value.get("status") in ("error", "failed")
    return error_line(first_line(text[:_ERROR_CHARS])) != ""


def _has_failed(result: Said) -> bool:
    return result.failed or _tells_of_error(result.text, parsed(result.text))


def _there(kept: Iterable[Said], words: Words) -> set[str]:
    """The facts that stand in what is kept."""
    return {word for entry in kept for word in words.told(entry.text, parsed(entry.text))}


def _ranked(lines: Sequence[_Line], there: set[str], words: Words) -> list[_Fact]:
    """The facts by how likely they are needed again, those not who stand in what is kept."""
    used: Counter[str] = Counter()
    told: Counter[str] = Counter()
    last: dict[str, int] = {}
    home: dict[str, tuple[int, int, str]] = {}
    for line in lines:
        if line.kind == "call":
            told.update(line.told.keys())
            given = words.told(line.arguments, parsed(line.arguments))
            used.update(given.keys())
            for place, (word, written) in enumerate(given.items()):
                last[word] = line.index
                if not line.superseded:
                    home.setdefault(word, (line.index, place - len(given), written))
        elif line.kind != "summary":
            used.update(line.told.keys())
        for place, (word, written) in enumerate(line.told.items()):
            last[word] = line.index
            # A result says what a fact is about; what people say has its own line.
            if word not in home or line.kind in ("call", "summary"):
                home[word] = (line.index, place, written)
    facts = []
    for word, (index, place, written) in home.items():
        if word in there:
            continue
        recent = last[word] / max(1, len(lines) - 1)
        value = (1 + 2 * min(used[word], 4) + min(told[word], 4)) * (0.5 + recent) * weight(word)
        facts.append(_Fact(word, written, index, place, value))
    return sorted(facts, key=lambda fact: (-fact.value, -fact.home, fact.place))


def _written(lines: Sequence[_Line], ranked: Sequence[_Fact], room: int, words: Words) -> tuple[str, bool]:
    """The summary in about `room` characters, and whether all is in it."""
    heads = _heads(lines, int(room * _TOLD_SHARE))
    left = room - sum(len(head) + 3 for head in heads.values())
    there = {word for head in heads.values() for word in words.facts(head)}
    chosen: dict[int, list[_Fact]] = {}
    is_all = True
    for fact in ranked:
        # Without the sentence that it stood in, what the model said tells nothing.
        if fact.word in there or (lines[fact.home].kind == "model" and fact.home not in heads):
            continue
        cost = len(fact.written) + 2
        short = _short(lines[fact.home]) if fact.home not in heads and fact.home not in chosen else ""
        cost += len(short) + 4 * bool(short)
        if cost > left:
            is_all = False
            if left < _LEAST_ROOM:
                break
            continue
        left -= cost
        there.update(words.facts(short))
        if fact.word in there:
            chosen.setdefault(fact.home, [])
            continue
        chosen.setdefault(fact.home, []).append(fact)
    written = []
    for line in lines:
        facts = sorted(chosen.get(line.index, ()), key=lambda fact: fact.place)
        head = heads.get(line.index) or (_short(line) if line.index in chosen else "")
        if head:
            written.append(f"- {' | '.join([head, *filter(None, [', '.join(fact.written for fact in facts)])])}")
    return "\n".join(written), is_all and len(heads) == len(lines)


def _heads(lines: Sequence[_Line], room: int) -> dict[int, str]:
    """What each line says before its facts, for as many lines as there is room."""
    width = max(_NARROWEST, min(_WIDEST, 2 * room // max(1, len(lines))))
    last_user = max((line.index for line in lines if line.kind == "user"), default=-1)

    def rank(line: _Line) -> tuple[int, int]:
        if line.index == last_user:
            return 0, 0
        order = {"system": 1, "summary": 1, "user": 3, "call": 4, "model": 5}[line.kind]
        if line.failed:
            order = 2
        return (6 if line.superseded else order), -line.index

    heads: dict[int, str] = {}
    for line in sorted(lines, key=rank):
        wide = width
        if rank(line)[0] <= 1:
            wide = max(width, room // 3)
        elif line.failed or line.kind == "user":
            wide = max(width, min(_ERROR_WIDTH, 2 * width))
        if room < _NARROWEST:
            break
        head = _head(line, min(wide, room))
        if len(head) + 3 > room:
            continue
        room -= len(head) + 3
        heads[line.index] = head
    return heads


def _head(line: _Line, width: int) -> str:
    if line.kind != "call":
        return f"{line.who}: {shorten(line.text, width - len(line.who) - 2)}"
    who = shorten(line.who, 64)
    if line.superseded:
        return f"{who}({_brief(line.arguments, min(40, width // 2))}): made again later"
    arguments = _brief(line.arguments, width // (3 if line.failed else 2))
    outcome = shorten(_outcome(line), max(16, width - len(who) - len(arguments) - 6))
    called = f"{who}({arguments})" if arguments else who
    return f"{called} -> {outcome}" if outcome else called


def _brief(arguments: str, width: int) -> str:
    """Arguments without JSON's quotes and brackets."""
    value = parsed(arguments)
    if not isinstance(value, dict):
        return shorten(arguments, width)
    is_narrow = width < _NARROWEST
    return shorten(", ".join(str(one) if is_narrow else f"{key} {one}" for key, one in leaves(value)), width)


def _short(line: _Line) -> str:
    """What stands before facts of a line for which there is no room otherwise."""
    who, arguments = shorten(line.who, 64), _brief(line.arguments, 24)
    return f"{who}({arguments})" if arguments else who


def _outcome(line: _Line) -> str:
    value = line.value
    if isinstance(value, dict):
        named = ((key, value.get(key)) for key in _OUTCOMES)
        return ", ".join(f"{key} {one}" for key, one in named if isinstance(one, (str, int, float)) and one != "")
    if isinstance(value, list):
        return f"{len(value)} entries"
    if line.failed:
        return error_line(line.text) or first_line(line.text)
    return first_line(line.text)


def _fitting(lines: Sequence[str], most_tokens: int, count: Callable[[str], int]) -> str:
    """The last lines that fit, where nothing else does."""
    for start in range(len(lines)):
        if count(text := "\n".join(lines[start:])) <= most_tokens:
            return text
    return ""
