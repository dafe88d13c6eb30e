"""English sentences on their way to a common form: contractions, word order of questions, passives, possessives."""

from typing import Final

from tailrace_plugins.semantic_cache.verifier import wordlists
from tailrace_plugins.semantic_cache.verifier.forms import is_verb, lemma, past

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
    if word == "'s":
        return [word]
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
    "tomorrow tonight this next every each later given unlike like among compared because although from once "
    "until unless".split()
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
        return _statement(words) if words[0] not in ("which", "what") else _asked_passive(words)
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
    cut = next((at for at, word in enumerate(agent) if word in _STOP), len(agent))
    agent, rest = agent[:cut], agent[cut:]
    if not 0 < len(agent) <= 4:
        return words
    return [*head, *agent, base, *patient, *rest]


def unfilled(words: list[str]) -> list[str]:
    """Without the sounds and phrases that only fill a pause, and without shorthand of chats that says nothing."""
    words = [word for word in words if word not in _SOUNDS] if len(words) > 3 else words
    while len(words) > 4 and words[0] in _OPENERS and words[1] in _BEGINNINGS:
        words = words[1:]
    out: list[str] = []
    for at, word in enumerate(words):
        aside = word in _ASIDES and words[at + 1 : at + 2] in ([","], []) and (not out or out[-1] == ",")
        if aside and len(words) > 3:
            continue
        out.append(word)
    for phrase in _PHRASES:
        while (at := next((at for at in range(len(out)) if tuple(out[at : at + len(phrase)]) == phrase), -1)) >= 0:
            closed = at + len(phrase) >= len(out) or out[at + len(phrase)] == ","
            if not (closed or (at and out[at - 1] == ",") or phrase[-1] == "heck"):
                break
            del out[at : at + len(phrase)]
    return out or words


_OPENERS: Final = frozenset("so well ok okay basically actually yeah hey anyway alright hi hello and".split())
_BEGINNINGS: Final = _WH | frozenset(
    "i my we can could would will should is are do does did please just the there basically so well actually".split()
)
_SOUNDS: Final = frozenset("um umm uh uhm erm hmm hm lol haha tbh imho imo btw ahem yo".split())
_ASIDES: Final = frozenset(
    "like well so basically actually ok okay right yeah anyway honestly now please guys folks dude mate".split()
)
_PHRASES: Final = tuple(
    tuple(phrase.split())
    for phrase in "you know|i mean|i guess|i suppose|i think|or something|or whatever|i believe|if i may|to be honest|"
    "the heck|if that makes sense|so to speak|as far as i know|by the way|as usual|for once|real quick|at all|"
    "i am not sure|if you get what i mean|i wonder|out of curiosity|in case you know|i was wondering".split("|")
)


def denied(words: list[str]) -> list[str]:
    """ "unpaid invoices" says "not paid" in one word: the prefix becomes a word of its own where it denies a deed."""
    out: list[str] = []
    for word in words:
        base, form = lemma(word[2:]) if word.startswith("un") and len(word) > 6 else ("", "")
        if (
            form in ("ed", "en")
            and is_verb(base)
            and not is_verb(lemma(word)[0])
            and word not in _NOT_UN
            or word in ("unread", "unpaid", "unset")
        ):
            out.extend(["not", word[2:]])
        else:
            out.append(word)
    return [word for at, word in enumerate(out) if not _twice(out, at)]


def _twice(words: list[str], at: int) -> bool:
    """Whether a "not" is one of two in a row, which say nothing."""
    return words[at] == "not" and "not" in (*words[at + 1 : at + 2], *(words[at - 1 : at] if at else ()))


def particles(words: list[str]) -> list[str]:
    """Put a particle that stands at the end beside its verb: "switch the light off" -> "switch off the light"."""
    verb = 1 if words[:1] == ["@howto"] else 0
    if len(words) < verb + 3 or words[verb] not in _SEPARABLE:
        return words
    for at in range(verb + 1, min(verb + 7, len(words))):
        ends = at + 1 >= len(words) or words[at + 1] in _AFTER_PARTICLE
        if words[at] in _PARTICLES and at > verb + 1 and ends:
            return [*words[: verb + 1], words[at], *words[verb + 1 : at], *words[at + 1 :]]
        if words[at] in _STOP or words[at] in _AFTER_PARTICLE:
            return words
    return words


_SEPARABLE: Final = frozenset(
    "turn switch shut pick put take bring set clean fill write back print speed slow cut call hand send pay give roll "
    "scale log sign lock wake warm heat plug tear throw wipe zip break".split()
)
_PARTICLES: Final = frozenset("off on up down out back away".split())
_AFTER_PARTICLE: Final = frozenset(
    "in at of from for when if before after and , by to with tomorrow tonight now".split()
)


_NOT_UN: Final = frozenset("united unlocked undone undated unlimited undressed uncovered unsubscribed unknown".split())


def _asked_passive(words: list[str]) -> list[str]:
    """ "which files were changed by the commit" as "which files did the commit change"."""
    by = words.index("by")
    start = next((at for at in range(2, min(by, 6)) if words[at] in BE), 0)
    end = next((at for at in range(by + 1, len(words)) if words[at] in _STOP or words[at] == ","), len(words))
    if not start or by - start != 2 or set(words[1:start]) & (_STOP | _AUX) or not 0 < end - by - 1 <= 4:
        return words
    base, form = lemma(words[by - 1])
    if form not in ("ed", "en"):
        return words
    did = ["did"] if words[start] in ("was", "were") else []
    return [*words[:start], *did, *words[by + 1 : end], base, *words[end:]]


def _statement(words: list[str]) -> list[str]:
    """ "the build was broken by the intern" as "the intern broke the build"; a question word or an order stays."""
    by = words.index("by")
    start = next((at for at in range(1, by) if words[at] in BE), 0)
    if not start or by - start != 2 or start > 5 or words[0] in _WH or set(words[:start]) & (_STOP | _AUX):
        return words
    base, form = lemma(words[by - 1])
    end = next((at for at in range(by + 1, len(words)) if words[at] in _STOP or words[at] == ","), len(words))
    if form not in ("ed", "en") or not 0 < end - by - 1 <= 4:
        return words
    deed = past(words[by - 1]) if words[start] in ("was", "were") else base
    return [*words[by + 1 : end], deed, *words[:start], *words[end:]]


def causes(words: list[str]) -> list[str]:
    """ "what makes babies cry" asks why babies cry; "what makes a good leader" does not."""
    if words[:1] != ["what"] or words[1:2] not in (["makes"], ["make"], ["causes"], ["cause"]):
        return words
    for at in range(3, min(len(words), 8)):
        word, before = words[at], words[at - 1]
        if before in ("a", "an", "the", "my", "your", "so", "more", "very", "and", "of", "than") or word in _STOP - {
            "to"
        }:
            continue
        if word == "to" and words[1].startswith("cause") and at + 1 < len(words):
            return ["why", *words[2:at], *words[at + 1 :]]
        plural = (
            before.endswith("s") or before in _PRONOUNS or before in ("me", "us", "them", "children", "men", "women")
        )
        if is_verb(word) and lemma(word) == (word, "") and (plural or words[2] in ("the", "a", "my", "your", "an")):
            return ["why", *words[2:at], *words[at:]] if word != "want" else ["why", *words[2:at], *words[at + 2 :]]
    return words


def anybody(words: list[str]) -> list[str]:
    """ "how can a skinny guy build muscle" asks how to build muscle as a skinny guy. A first person stays itself."""
    if words[:1] == ["@howto"] and "to" in words[2:4] and not _FIRST & set(words):
        # "ways for students to earn money"
        at = words.index("to")
        if lemma(words[at - 1])[0] in _PERSONS and at + 1 < len(words):
            plain = words[at - 1] in _ANY
            return ["@howto", *words[at + 1 :], *([] if plain else ["as", *words[1:at]])]
    if words[:1] != ["how"] or len(words) < 4 or words[1] in _MEASURED or _FIRST & set(words):
        return words
    start = 2 if words[1] in _HOW_AUX else 1
    subject = start + (words[start] in ("a", "one"))
    for at in range(subject, min(subject + 3, len(words) - 1)):
        if lemma(words[at])[0] not in _PERSONS:
            continue
        end = at + 1
        if words[end] in ("with", "without") and start == 2:
            end = next((to for to in range(end + 2, min(end + 6, len(words))) if words[to] in _BASES), len(words))
        if end >= len(words) or not is_verb(words[end]) or lemma(words[end])[1]:
            return words
        if words[at] in _ANY and end > at + 1:
            return ["@howto", *words[end:], *words[at + 1 : end]]
        whole = words[start:end]
        plain = len(whole) <= 2 and whole[-1] in _ANY
        return ["@howto", *words[end:], *([] if plain else ["as", *whole])]
    return words


_MEASURED: Final = frozenset(
    "many much long often far old big tall high fast soon well good is are was were did".split()
)
_HOW_AUX: Final = frozenset("can could do does should would might".split())
_BASES: Final = frozenset("get find learn become make start begin improve lose gain earn build stop deal".split())
_ANY: Final = frozenset("people person someone somebody anyone anybody human humans individual everyone".split())
_PERSONS: Final = _ANY | frozenset(
    "man woman guy girl boy adult kid child teenager student beginner newbie parent mother father couple introvert "
    "senior freelancer foreigner graduate tourist vegan vegetarian programmer developer".split()
)


def one_person(words: list[str], said: list[str]) -> list[str]:
    """Ask for the asker where "you" means anybody: "how do you improve your memory" -> "... @my memory".

    Only in questions about what one does, and only where `said`, the sentence as written, does not speak of both: "how
    can I help you" and "how can you help me" differ.
    """
    if not words or words[0] not in _ANYBODY:
        return words
    # "Could you tell me how I ..." speaks of two people only before its question.
    asked = said[next((at for at, word in enumerate(said) if word in _WH or word in ("if", "whether")), 0) :]
    if _FIRST & set(asked) and _SECOND.keys() & set(asked):
        return words
    if words[:2] == ["@can", "you"]:
        return words
    return [_SECOND.get(word) or _SELF.get(word, word) for word in words]


_ANYBODY: Final = frozenset(
    "@howto @signs @should @must @price @howlong @besttime @happen @feel @can @whattodo @cause @benefit @drawback "
    "@worth @allowed @effect @usedfor".split()
)
_FIRST: Final = frozenset("i me my mine myself we us our ours ourselves".split())
_SECOND: Final = {"you": "i", "your": "@my", "yours": "mine", "yourself": "myself"}
_SELF: Final = {"my": "@my", "me": "i"}
