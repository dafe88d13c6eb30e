"""What the semantic cache is asked: questions, the same in other words, and a hundred thousand others. Pure.

Reworded as people do it without changing the meaning; whether the verifier agrees is part of what is measured. The
others are of the same kind, so that the nearest to a question are many and near.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import orjson

from benchkit import payload
from benchkit.caches.plan import ANSWER_BYTES

VERBS = (
    "renew cancel repair insure sell return clean register store ship borrow upgrade measure paint inspect lend "
    "replace unlock track exchange"
).split()
THINGS = (
    "bicycle,passport,library card,guitar,winter coat,washing machine,parking permit,camera,tent,garden hose,kayak,"
    "wedding dress,lawn mower,piano,fishing licence,telescope,sewing machine,surfboard,bookshelf,coffee grinder"
).split(",")
OTHER_VERBS = (
    "assemble book charge donate dye empty fold hang iron label lubricate move pack polish print protect reserve rent "
    "reset sharpen test tune weigh wrap"
).split()
OTHER_THINGS = (
    "accordion,air conditioner,anvil,aquarium,axe,backpack,barbecue,bathrobe,beehive,bread maker,bunk bed,caravan,"
    "carpet,cash register,chainsaw,chess set,clarinet,compost bin,credit card,crib,desk lamp,dishwasher,doorbell,"
    "driving licence,drone,drum kit,easel,electric fence,fax machine,fire alarm,flag,freezer,gas heater,gym pass,"
    "hammock,harp,headphones,helmet,hot tub,ice skates,insurance policy,keyboard,kiln,ladder,lantern,loom,mattress,"
    "microscope,mirror,motorboat,oven,paddle,pressure cooker,printer,projector,radiator,raincoat,roof box,saddle,safe,"
    "sailboat,saxophone,scooter,season ticket,sleeping bag,snowboard,sofa,solar panel,stroller,suitcase,thermostat,"
    "trailer,trampoline,treadmill,trumpet,umbrella,vacuum cleaner,violin,wardrobe,water filter,wheelbarrow,wine rack"
).split(",")

PLAIN = "How do I {} my {}?"
REWORDED = ("How can I {} my {}?", "how do i {} my {}", "Please tell me: how do I {} my {}?", "hello, " + PLAIN)
OTHERS = (PLAIN, "Where can I {} my {}?", "What does it cost to {} my {}?", "Who can help me {} my {}?")

_SYSTEM = "You answer questions of a household in two or three plain sentences. "


def stored(count: int) -> list[str]:
    """Questions that are asked first."""
    return [PLAIN.format(verb, thing) for verb, thing in _pairs(count)]


def reworded(count: int, form: int) -> list[str]:
    """The same questions in the same order, in one of the other forms."""
    return [REWORDED[form % len(REWORDED)].format(verb, thing) for verb, thing in _pairs(count)]


def _pairs(count: int) -> list[tuple[str, str]]:
    # Along the diagonals: neighbours in the list share neither verb nor thing.
    size = len(VERBS)
    found = [(VERBS[at % size], THINGS[(at + at // size) % size]) for at in range(size * len(THINGS))]
    if count > len(found):
        raise ValueError(f"there are {len(found)} questions, not {count}")
    return found[:count]


def others(count: int) -> Iterator[str]:
    """Other questions, none of which means one of `stored`; they repeat, with a number, where there are not so many."""
    base = [form.format(verb, thing) for form, verb, thing in product(OTHERS, OTHER_VERBS, OTHER_THINGS)]
    for at in range(count):
        turn, place = divmod(at, len(base))
        yield base[place] if not turn else f"{base[place]} (case {turn})"


def body_of(question: str, *, system: str = _SYSTEM, size: int = payload.REQUEST_BYTES) -> bytes:
    """A chat request for a question, padded to `size` with a system message that only depends on `size`."""
    first: dict[str, object] = {"role": "system", "content": system}
    messages = [first, {"role": "user", "content": question}]
    document: dict[str, object] = {"messages": messages, "model": payload.MODEL, "temperature": 0}
    # All of `system` is the same whatever the question: its length is that of the longest question's request.
    prose = (payload.PROSE * (size // len(payload.PROSE) + 1))[: max(0, size - len(system) - 250)]
    first["content"] = system + prose
    return orjson.dumps(document)


def too_long() -> str:
    """A question beyond what the semantic cache looks up (1,000 characters)."""
    return (payload.PROSE * 12)[:1500]


def answer(serial: int) -> bytes:
    """A stored answer of 2 KB."""
    message: dict[str, object] = {"role": "assistant", "content": f"Filler {serial:012d}. "}
    document: dict[str, object] = {
        "id": "chatcmpl-Filler",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": payload.MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 420, "completion_tokens": 96, "total_tokens": 516},
    }
    return payload.padded(document, message, "content", ANSWER_BYTES)
