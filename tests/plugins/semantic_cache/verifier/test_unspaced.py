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


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("刪除這個檔案", "请帮我把这个文件删除", "zh"),
        ("北京明天天气", "明天北京的天气", "zh"),
        ("价格不低于100元", "价格至少１００元", "zh"),
        ("この注文を取り消したいのですが", "この注文をキャンセルしてください", "ja"),
        ("午後3時に会議", "15時にミーティング", "ja"),
        ("파일을 지워 주세요", "파일 삭제해 주시겠어요", "ko"),
    ],
)
def test_frames_and_synonyms(one: str, other: str, language: str) -> None:
    assert [w.key for w in words(one, language)] == [w.key for w in words(other, language)]
