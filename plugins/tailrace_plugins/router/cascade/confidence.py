"""What an answer is worth, from what is known of it: a number and the reasons for it. Pure.

    value = evidence x doubts, or 0 where something is plainly wrong

**Evidence.** p, the geometric mean of the tokens' probabilities, exp(mean log p): the length-normalised likelihood of
arXiv:2002.07650, used to defer to a larger model in arXiv:2404.10136. a, the agreement with further samples (see
`agreement`). Both known: sqrt(p a); one: that one; none: 0.8.

**Doubts** (factors chosen, not learnt). The answer begins as a refusal does: 0.1. It says that it does not know: 0.5.
It says perhaps: 0.9. These two count only where no tools are offered: an agent says so before it looks. It was cut by a
limit that the client did not set: 0.5.

**Wrong** (value 0). An error or no answer; nothing said; marked as a refusal; JSON was asked for and this is none, or
plainly not of the schema; a tool that was not offered, or arguments that are no JSON object; no call where one was
demanded.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from tailrace.wire import jsonio
from tailrace_plugins.router.cascade.agreement import agreement
from tailrace_plugins.router.cascade.phrases import manner_of
from tailrace_plugins.router.cascade.reading import Answer
from tailrace_plugins.router.cascade.schema import may_fit

Output = Literal["text", "json", "json_schema"]

REASONS: Final = (
    "bad-arguments",
    "bad-json",
    "broken",
    "cheap-broke",
    "cheap-failed",
    "cut-short",
    "empty",
    "hedged",
    "judge-failed",
    "no-call",
    "nothing-known",
    "off-schema",
    "refusal",
    "samples-differ",
    "strong-failed",
    "unknown-tool",
    "unlikely",
    "unsure",
)
"""All reasons there are: those of `judge`, and those of the run (`cheap-*`, `judge-failed`, `strong-failed`)."""

_UNKNOWN: Final = 0.8
_LIKELY: Final = 0.8
"""Geometric mean token probability below which it is told as a reason."""
_LEAST_LOGPROB: Final = -20.0
"""Providers write -9999 for what is off their list; one such token must not decide over an answer of hundreds."""
_MANNERS: Final[Mapping[str, float]] = {"refusal": 0.1, "unsure": 0.5, "hedged": 0.9}
_CUT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the request asks of an answer. `schema` is the JSON Schema it names, if any; `tools` the names of all tools
    it offers; `must_call` whether it demands a call; `own_limit` whether the client itself set the limit on tokens.
    """

    output: Output = "text"
    schema: Mapping[str, Any] | None = None
    tools: frozenset[str] = frozenset()
    must_call: bool = False
    own_limit: bool = False


@dataclass(frozen=True, slots=True)
class Confidence:
    """0 (certainly not to be given to the client) to 1, and why it is not more, from `REASONS`."""

    value: float
    reasons: tuple[str, ...] = ()


def judge(answer: Answer, wanted: Wanted, samples: Sequence[Answer] = (), *, is_whole: bool = True) -> Confidence:
    """The confidence in `answer`, or in the beginning of one (`is_whole=False`): then only what a beginning can tell.

    Between 0 and 1, and never lower for a higher log probability.
    """
    if wrong := _wrong(answer, wanted, is_whole=is_whole):
        return Confidence(0.0, (wrong,))
    value, known = _evidence(answer, samples)
    reasons: list[str] = []
    manner = manner_of(answer.text) if wanted.output == "text" and not answer.calls else ""
    if manner and (manner == "refusal" or not wanted.tools):
        value *= _MANNERS[manner]
        reasons.append(manner)
    if answer.finish == "length" and not wanted.own_limit:
        value *= _CUT
        reasons.append("cut-short")
    return Confidence(min(1.0, max(0.0, value)), (*reasons, *known))


def token_probability(logprobs: Sequence[float]) -> float:
    """The geometric mean of the tokens' probabilities, 0 to 1; of none 1."""
    if not logprobs:
        return 1.0
    kept = [min(0.0, max(_LEAST_LOGPROB, value)) for value in logprobs]
    # fsum: the mean must not fall when a value rises, not by a rounding either.
    return math.exp(math.fsum(kept) / len(kept))


def _evidence(answer: Answer, samples: Sequence[Answer]) -> tuple[float, list[str]]:
    known: list[float] = []
    reasons: list[str] = []
    if answer.logprobs:
        likely = token_probability(answer.logprobs)
        known.append(likely)
        if likely < _LIKELY:
            reasons.append("unlikely")
    if samples:
        agreed = agreement(answer, samples)
        known.append(agreed)
        if agreed < 1:
            reasons.append("samples-differ")
    if not known:
        return _UNKNOWN, ["nothing-known"]
    return math.prod(known) ** (1 / len(known)), reasons


def _wrong(answer: Answer, wanted: Wanted, *, is_whole: bool) -> str:
    if answer.broken:
        return "broken"
    if answer.refused:
        return "refusal"
    for call in answer.calls:
        if call.name not in wanted.tools:
            return "unknown-tool"
        if is_whole and call.is_json and not _is_object(call.arguments):
            return "bad-arguments"
    if not is_whole:
        return "bad-json" if wanted.output != "text" and not _may_become_json(answer.text) else ""
    if not answer.calls:
        if not answer.text.strip():
            return "empty"
        if wanted.must_call:
            return "no-call"
        if wanted.output != "text":
            return _wrong_json(answer.text, wanted)
    return ""


def _wrong_json(text: str, wanted: Wanted) -> str:
    try:
        value = jsonio.loads(text)
    except jsonio.BadJson:
        return "bad-json"
    if wanted.output == "json" and type(value) is not dict:
        return "bad-json"
    return "" if wanted.schema is None or may_fit(value, wanted.schema) else "off-schema"


def _may_become_json(text: str) -> bool:
    begun = text.lstrip()
    return not begun or begun[0] in '{["-0123456789tfn'


def _is_object(arguments: str) -> bool:
    """Whether it is a JSON object. Nothing at all is how some providers spell an empty one, and the SDKs read it so."""
    try:
        return not arguments or type(jsonio.loads(arguments)) is dict
    except jsonio.BadJson:
        return False
