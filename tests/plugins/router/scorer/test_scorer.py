import math
import subprocess
import sys
from array import array
from pathlib import Path

import pytest

from tailrace.wire import jsonio
from tailrace.wire.conversation import Conversation, Tool, ToolCall, Turn
from tailrace_plugins.router.features import Features, extract
from tailrace_plugins.router.scorer import Mode, Scorer, WeightsError, thresholds
from tailrace_plugins.router.scorer.heads import EMBEDDING_SIZE
from tailrace_plugins.router.scorer.weights import FORMAT, VERSION

MODES: tuple[Mode, ...] = ("rules", "learned")
VECTOR = array("f", [(-1.0) ** n / math.sqrt(EMBEDDING_SIZE) for n in range(EMBEDDING_SIZE)]).tobytes()


def asked(text: str) -> Features:
    return extract(Conversation((Turn("user", text),)))


def agent(
    depth: int, text: str = "The tests of the checkout fail since yesterday. Please find out why and fix it."
) -> Features:
    turns = [Turn("system", "You are a coding agent."), Turn("user", text)]
    for n in range(depth):
        turns += [
            Turn("assistant", "", calls=(ToolCall(str(n), "run", f"{n}"),)),
            Turn("tool", f"line {n}", call_id=str(n)),
        ]
    return extract(Conversation(tuple(turns), tuple(Tool(f"tool{n}", "does it", 300) for n in range(12))))


LADDER = [
    asked("hi"),
    asked("How do I sort a list of numbers in Python by their absolute value?"),
    asked(
        "Prove or refute: every finitely generated residually finite group has a decidable word problem. Be rigorous."
    ),
]


@pytest.mark.parametrize("mode", MODES)
def test_harder_requests_have_a_lower_p(mode: Mode) -> None:
    scorer = Scorer(mode)
    found = [scorer.score(features).p for features in LADDER]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.93
    assert found[-1] < found[0] - 0.2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("easy", "hard"),
    [
        ("danke!", "Beweise, dass jede beschränkte monotone Folge konvergiert, und verallgemeinere es auf Netze."),
        ("merci", "Démontrez que tout sous-groupe d'un groupe libre est libre, avec toutes les étapes."),
        (
            "gracias",
            "Demuestra que toda función continua en un compacto es uniformemente continua y da un contraejemplo.",
        ),
        ("спасибо", "Докажите, что множество трансцендентных чисел несчётно, и оцените сложность алгоритма."),
        ("谢谢", "证明：每个有限除环都是交换的，并讨论这一结论在无限情形下为什么不成立。"),
        ("ありがとう", "任意の有限可除環が可換であることを証明し、無限の場合の反例を示してください。"),
        ("감사합니다", "모든 유한 나눗셈환이 가환임을 증명하고 무한한 경우의 반례를 제시하시오."),
        ("شكرا", "أثبت أن كل حلقة قسمة منتهية تبديلية، وأعط مثالا مضادا في الحالة غير المنتهية."),
        ("धन्यवाद", "सिद्ध कीजिए कि प्रत्येक परिमित विभाजन वलय क्रमविनिमेय है और अनंत स्थिति में प्रतिउदाहरण दीजिए।"),
    ],
)
def test_other_languages(mode: Mode, easy: str, hard: str) -> None:
    scorer = Scorer(mode)
    bounds = thresholds(mode, 0.95)
    assert scorer.score(asked(easy)).p > bounds[1]
    assert scorer.score(asked(hard)).p < scorer.score(asked(easy)).p - 0.1


@pytest.mark.parametrize("mode", MODES)
def test_the_deeper_an_agent_is_the_harder(mode: Mode) -> None:
    scorer = Scorer(mode)
    found = [scorer.score(agent(depth)).p for depth in (0, 4, 16)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("mode", MODES)
def test_p_is_made_of_its_parts_the_largest_first(mode: Mode) -> None:
    score = Scorer(mode).score(LADDER[1])
    assert score.p == pytest.approx(1 / (1 + math.exp(-sum(part.contribution for part in score.parts))))
    sizes = [abs(part.contribution) for part in score.parts]
    assert sizes == sorted(sizes, reverse=True)
    assert score.mode == mode
    assert "Python" not in score.reason and "list" not in score.reason


def test_an_embedding_is_used_by_the_learned_mode_alone() -> None:
    assert Scorer("learned").score(LADDER[1], VECTOR).mode == "learned+embedding"
    assert Scorer("rules").score(LADDER[1], VECTOR).mode == "rules"


@pytest.mark.parametrize("given", [None, b"", VECTOR[:-4], VECTOR + VECTOR, bytes(len(VECTOR))])
def test_what_is_no_embedding_is_ignored(given: bytes | None) -> None:
    scorer = Scorer("learned")
    assert scorer.score(LADDER[1], given) == scorer.score(LADDER[1])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", ["", "\ud800", "x" * 1_000_000, "\x00", "?" * 10_000])
def test_anything_gets_a_score(mode: Mode, text: str) -> None:
    score = Scorer(mode).score(asked(text))
    assert 0 <= score.p <= 1
    assert score.reason


@pytest.mark.parametrize("mode", ["rules", "learned", "learned+embedding"])
def test_thresholds_fall_and_rise_with_quality(mode: str) -> None:
    before = (0.0,) * 4
    for quality in (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 1.0):
        found = thresholds(mode, quality)
        assert list(found) == sorted(found, reverse=True)
        assert all(a <= b for a, b in zip(before, found, strict=True))
        assert all(0 <= p <= 1 for p in found)
        before = found
    assert thresholds(mode, 1.0)[0] == 1.0


def test_unknown_modes_are_told() -> None:
    with pytest.raises(ValueError, match="unknown mode 'guess'"):
        thresholds("guess", 0.95)
    with pytest.raises(WeightsError, match="unknown mode 'guess'"):
        Scorer("guess")  # type: ignore[arg-type]


def test_own_weights_are_used_with_their_own_curve(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    head = {"bias": 0.0, "terms": {"length": -1.0}}
    curve = [[0.0, 0.25], [1.0, 0.75]]
    path.write_bytes(
        jsonio.dumps({"format": FORMAT, "version": VERSION, "heads": {"learned": head}, "curves": {"learned": curve}})
    )
    scorer = Scorer("learned", path)
    assert scorer.thresholds("learned", 0.5) == pytest.approx((0.625, 0.5, 0.25, 0.25))
    assert scorer.score(LADDER[1], VECTOR).mode == "learned"
    assert {part.name for part in scorer.score(LADDER[1]).parts} == {"bias", "length"}
    with pytest.raises(ValueError, match="no curve for 'learned\\+embedding'"):
        scorer.thresholds("learned+embedding", 0.5)
    with pytest.raises(WeightsError, match="holds learned, not rules"):
        Scorer("rules", path)


def test_scoring_needs_no_numpy() -> None:
    code = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('numpy', 'scipy', 'sklearn'): raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Block())\n"
        "from array import array\n"
        "from tailrace.wire.conversation import Conversation, Turn\n"
        "from tailrace_plugins.router.features import extract\n"
        "from tailrace_plugins.router.scorer import Scorer\n"
        "vector = array('f', [384 ** -0.5] * 384).tobytes()\n"
        "print(Scorer('learned').score(extract(Conversation((Turn('user', 'hi'),))), vector).mode)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "learned+embedding", done.stderr
