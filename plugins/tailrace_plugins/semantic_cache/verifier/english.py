"""English sentences on their way to a common form: contractions, word order of questions, passives, possessives."""

from typing import Final

from tailrace_plugins.semantic_cache.verifier import wordlists
from tailrace_plugins.semantic_cache.verifier.forms import lemma, past

_ENDINGS: Final = (("n't", "not"), ("'re", "are"), ("'ve", "have"), ("'ll", "will"), ("'d", "would"))
_IS_AFTER: Final = frozenset(
    "what how where who when why that it he she there here this which everything something".split()
)
_WH: Final = frozenset("what why when where who how which whom whose".split())
BE: Final = frozenset({"is", "are", "am", "was", "were"})
_AUX: Final = BE | frozenset("can could will would should shall may might must has have had did".split())
_PRONOUNS: Final = frozenset("i you we they he she it people one".split())
_STOP: Final = frozenset("that which who whose if whether because when while , . and or but to before after".split())


def expand(word: str, following: str = "") -> list[str]:
    """A word without its contraction; the possessive 's becomes a word of its own."""
    known = wordlists.mapping("en_contractions").get(word)
    if known is not None:
        return known.split()
    for ending, full in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending):
            return [word[: -len(ending)], full]
    if word.endswith("'s") and len(word) > 2:
        return [word[:-2], "is" if word[:-2] in _IS_AFTER else "'s"]
    return [word.strip("'") or word]


def unfold(words: list[str]) -> list[str]:
    """Give a question the order it would have had as asked directly: "why the sky is blue" -> "why is the sky blue".

    Present do-support goes ("what do cats eat" -> "what cats eat"), which makes the direct and the indirect form equal;
    `did` stays, for it carries the past.
    """
    if words and words[0] == "@yn":
        # "whether the shop is open" asks "is the shop open".
        at = next((at for at, word in enumerate(words[:8]) if at > 1 and (word in _AUX or word in _STOP)), 0)
        return [words[at], *words[1:at], *words[at + 1 :]] if at and words[at] in _AUX else words
    if not words or words[0] not in _WH:
        return words
    if len(words) > 2 and words[-1] in BE and not BE & set(words[1:-1]):
        return [words[0], words[-1], *words[1:-1]]
    for at, word in enumerate(words[1:8], 1):
        if word in ("do", "does") and at + 1 < len(words) and words[at - 1] not in _PRONOUNS | {"to", "not"}:
            return words[:at] + words[at + 1 :]
        if word in _AUX:
            if (
                at > 1
                and words[0] in ("why", "where", "when", "how")
                and words[1] not in ("many", "much", "long", "often")
            ):
                return [words[0], word, *words[1:at], *words[at + 1 :]]
            return words
        if word in _STOP:
            return words
    return words


def lead(words: list[str]) -> list[str]:
    """Put a phrase that leads a sentence at its end: "in Python, how do I X" -> "how do I X in Python"."""
    if not words or words[0] not in _LEADING:
        return words
    if "," in words[1:14]:
        comma = words.index(",", 1)
        rest = words[comma + 1 :]
        return [*rest, *words[:comma]] if len(rest) > 1 else words
    if words[0] in ("in", "on", "for", "with", "using", "at"):
        question = next((at for at, word in enumerate(words[1:6], 1) if word in _WH), None)
        if question is not None and words[question - 1] not in _STOP and question > 1:
            return [*words[question:], *words[:question]]
    return words


_LEADING: Final = frozenset(
    "in on for with using at during after before as when if while under within since without by to yesterday today "
    "tomorrow given unlike like among compared because although from once until unless".split()
)


def letters(words: list[str]) -> list[str]:
    """Mark the letter A, which is no article where no noun can follow: "move a to b"."""
    return [
        "letter-a" if word == "a" and (at + 1 == len(words) or words[at + 1] in _AFTER_LETTER) else word
        for at, word in enumerate(words)
    ]


_AFTER_LETTER: Final = frozenset(
    "to and or from is are in by with vs versus , . | for into on at than if = + - not".split()
)


def activate(words: list[str]) -> list[str]:
    """Turn a passive question with its agent into the active: "was the tree cut by Tom" -> "did Tom cut the tree"."""
    if "by" not in words:
        return words
    if words[0] in ("who", "whom") and words[-1] == "by" and words[1:2] in (["was"], ["were"]) and len(words) > 4:
        return ["who", past(words[-2]), *words[2:-2]]
    if words[:2] == ["by", "whom"] and words[2:3] in (["was"], ["were"]) and len(words) > 4:
        return ["who", past(words[-1]), *words[3:-1]]
    if "by" not in words[3:]:
        return words
    start = next((at for at, word in enumerate(words[:3]) if word in BE), None)
    if start is None or any(word not in _WH for word in words[:start]):
        return words
    by = words.index("by", start + 2)
    base, form = lemma(words[by - 1])
    # "read", "cut", "hit": forms that do not change are participles here, standing between a form of be and "by".
    participle = form in ("ed", "en") or base in ("read", "cut", "hit", "put", "set", "hurt", "let", "cost", "become")
    agent = words[by + 1 :]
    patient = words[start + 1 : by - 1]
    if not participle or not agent or not (patient or start):
        return words
    was = words[start] in ("was", "were")
    if start and words[0] in ("who", "whom", "what", "which") and not patient:
        return [words[0], *(["did"] if was else []), *agent, base]
    head = [*words[:start], "did"] if was else [*words[:start], *([] if start else ["@yn"])]
    if len(agent) > 3 or any(word in _STOP for word in agent):
        return words
    return [*head, *agent, base, *patient]


def one_person(words: list[str], said: list[str]) -> list[str]:
    """Ask for the asker where "you" means anybody: "how do you improve your memory" -> "... @my memory".

    Only in questions about what one does, and only where `said`, the sentence as written, does not speak of both: "how
    can I help you" and "how can you help me" differ.
    """
    if not words or words[0] not in _ANYBODY or (_FIRST & set(said) and _SECOND.keys() & set(said)):
        return words
    if words[:2] == ["@can", "you"]:
        return words
    return [_SECOND.get(word) or _SELF.get(word, word) for word in words]


_ANYBODY: Final = frozenset(
    "@howto @signs @should @must @price @howlong @besttime @happen @feel @can @whattodo".split()
)
_FIRST: Final = frozenset("i me my mine myself we us our ours ourselves".split())
_SECOND: Final = {"you": "i", "your": "@my", "yours": "mine", "yourself": "myself"}
_SELF: Final = {"my": "@my", "me": "i"}
