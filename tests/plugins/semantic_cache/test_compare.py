import pytest
from semantic_kit import ToldEmbedder

from tailrace_plugins.semantic_cache.compare import answers_agree, text_of_answer


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"choices": [{"message": {"content": "a"}}]}, "a"),
        ({"choices": [{"message": {"content": [{"type": "text", "text": "a"}]}}]}, "a"),
        ({"output": [{"content": [{"type": "output_text", "text": "a"}]}, {"type": "reasoning"}]}, "a"),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "a\nb"),
        ({"choices": []}, ""),
        ({"choices": [{}]}, ""),
        (None, ""),
        ([1], ""),
    ],
)
def test_what_an_answer_says(answer, text):
    assert text_of_answer(answer) == text


@pytest.mark.parametrize(
    ("one", "other", "agree", "asked"),
    [
        ("Yes,  it is.", "yes, it is.", True, 0),
        ("", "yes", False, 0),
        ("", "", True, 0),
        ("near", "close", True, 2),
        ("near", "far", False, 2),
    ],
)
async def test_whether_two_answers_agree(one, other, agree, asked):
    embedder = ToldEmbedder({"close": 0.3, "far": 1.2})
    assert await answers_agree(one, other, embedder, 0.8) is agree
    assert len(embedder.asked) == asked
