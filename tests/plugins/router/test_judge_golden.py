"""Requests and the tiers they belong to, each with its reason, written by people who saw no code.

`golden`: sixty that the router gets right and must go on getting right, twelve a tier. They were chosen for that from 120
written blind (those marked `learnt_from` from the requests that the weights were learnt from); `blind` holds the rest of
the 120. What the router makes of requests it has not seen is told by all 120 together, below.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tailrace.wire import jsonio
from tailrace.wire.conversation import read_conversation
from tailrace_plugins.router.judge import Judge
from tailrace_plugins.router.policy.tiers import TIERS, Tier
from tailrace_plugins.router.settings import RouterSettings

HERE = Path(__file__).parent
LEARNED, RULES = (Judge(RouterSettings.model_validate({"mode": mode})) for mode in ("learned", "rules"))
Case = dict[str, Any]


def cases(folder: str) -> dict[str, Case]:
    return {path.stem: jsonio.loads_object(path.read_bytes()) for path in sorted((HERE / folder).glob("*.json"))}


GOLDEN = cases("golden")


def tier_of(judge: Judge, case: Case) -> Tier:
    return judge.judge(judge.features(read_conversation("chat", case["request"]))).tier


def test_there_are_twelve_of_each_tier_and_each_says_why() -> None:
    assert {tier: sum(case["tier"] == tier for case in GOLDEN.values()) for tier in TIERS} == dict.fromkeys(TIERS, 12)
    assert all(case["why"] for case in GOLDEN.values())
    assert sum(case.get("learnt_from", False) for case in GOLDEN.values()) <= 4


@pytest.mark.parametrize("name", GOLDEN)
def test_each_goes_to_its_tier(name: str) -> None:
    case = GOLDEN[name]
    assert tier_of(LEARNED, case) in (case["tier"], case.get("also"))


def blind() -> Iterator[Case]:
    for case in (*GOLDEN.values(), *cases("blind").values()):
        if not case.get("learnt_from"):
            yield case


@pytest.mark.parametrize(("judge", "right", "near"), [(LEARNED, 0.55, 0.9), (RULES, 0.55, 0.88)])
def test_of_requests_not_seen_most_go_to_their_tier_and_nearly_all_near_it(
    judge: Judge, right: float, near: float
) -> None:
    found = [(tier_of(judge, case), case) for case in blind()]
    assert len(found) == 120
    assert sum(tier in (case["tier"], case.get("also")) for tier, case in found) / 120 >= right
    assert sum(abs(tier.rank - Tier(case["tier"]).rank) <= 1 for tier, case in found) / 120 >= near
