"""Chinese, Japanese and Korean."""

import pytest

from tailrace_plugins.semantic_cache.verifier.unspaced import words


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("怎么打开窗户", "请问怎样打开窗户呢", "zh"),
        ("如何安装Python", "怎样安装 Python", "zh"),
        ("窓を開ける方法を教えて", "窓を開ける方法を教えていただけますか", "ja"),
        ("창문을 어떻게 열어 주세요", "창문을 어떻게 열어주세요", "ko"),
    ],
)
def test_same(one: str, other: str, language: str) -> None:
    assert words(one, language) == words(other, language)


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("可以退款", "不可以退款", "zh"),
        ("3个苹果", "4个苹果", "zh"),
        ("窓を開ける", "窓を閉める", "ja"),
        ("문 열어", "문 닫아", "ko"),
        ("1 2", "12", "zh"),
    ],
)
def test_other(one: str, other: str, language: str) -> None:
    assert [w.key for w in words(one, language)] != [w.key for w in words(other, language)]
