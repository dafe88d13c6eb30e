import pytest

from tailrace_plugins.router.features import Features


def test_it_is_a_mapping_of_names_to_numbers() -> None:
    features = Features({"words": 3.0, "turns": 0.0}, "What is it?", language="en")
    assert dict(features) == {"words": 3.0, "turns": 0.0}
    assert list(features) == ["words", "turns"] and len(features) == 2
    with pytest.raises(KeyError):
        features["unheard-of"]


def test_what_is_logged_holds_no_text() -> None:
    shown = repr(Features({"words": 3.0, "turns": 0.0}, "my secret", sample="my secret", words=("my", "secret")))
    assert "secret" not in shown and "words=3" in shown and "turns" not in shown
