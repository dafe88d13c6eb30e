"""The little language of rules, and the rules that ship."""

import re
from pathlib import Path

import pytest

from tailrace_plugins.semantic_cache import verifier
from tailrace_plugins.semantic_cache.verifier import rewrite

DATA = Path(verifier.__file__).parent / "data"


def applied(rule: str, sentence: str) -> str:
    return rewrite.Rules([rewrite.compile_rule(rule, {"p": "i|you"})]).rewrite(sentence)


@pytest.mark.parametrize(
    ("rule", "sentence", "expected"),
    [
        ("how can <p> * => @howto $1", "how can you fly", "@howto fly"),
        ("how can <p> * => @howto $1", "how can birds fly", "how can birds fly"),
        ("what is (the|a)? price of * => @price $1", "what is the price of tea", "@price tea"),
        ("what is (the|a)? price of * => @price $1", "what is price of tea", "@price tea"),
        ("* (please|thanks) => $1", "open it please", "open it"),
        ("{who|what} is it that * => $1 $2", "who is it that sings", "who sings"),
        ("wie {[a-z]+}e ich * => @howto $2 $1en", "wie storniere ich alles", "@howto alles stornieren"),
        ("x => y", "x y", "x y"),
    ],
)
def test_rules(rule: str, sentence: str, expected: str) -> None:
    assert applied(rule, sentence) == expected


@pytest.mark.parametrize("rule", ["no arrow", "a * => $2"])
def test_a_broken_rule_is_refused(rule: str) -> None:
    with pytest.raises(ValueError):
        rewrite.compile_rule(rule, {})


def test_rules_that_undo_each_other_end() -> None:
    rules = rewrite.Rules([rewrite.compile_rule("a * => b $1", {}), rewrite.compile_rule("b * => a $1", {})])
    assert rules.rewrite("a x") in ("a x", "b x")


@pytest.mark.parametrize("path", sorted(DATA.glob("*_frames.txt")), ids=lambda path: path.name)
def test_the_rules_that_ship_compile_and_drop_no_number(path: Path) -> None:
    rules = rewrite.load(path.name.removesuffix("_frames.txt"))
    assert rules.rewrite("nothing known here 7") == "nothing known here 7"
    for line in path.read_text("utf-8").splitlines():
        if "=>" in line and not line.startswith("#"):
            assert not re.search(r"(?<![$\[])\d", line.partition("=>")[0].replace("[0-9]", "")), (
                f"a rule that swallows a number: {line}"
            )


def test_a_language_without_rules_changes_nothing() -> None:
    assert rewrite.load("xx").rewrite("how can i fly") == "how can i fly"
