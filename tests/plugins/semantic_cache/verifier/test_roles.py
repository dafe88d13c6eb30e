"""The lists of small words and the rules of the frames."""

import pytest

from tailrace_plugins.semantic_cache.verifier.foreign import LANGUAGES
from tailrace_plugins.semantic_cache.verifier.roles import asides, roles


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_lists_load(language: str) -> None:
    assert asides(language)
    assert roles(language).prep or language in ("tr", "hi")


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_no_word_of_weight_is_dropped(language: str) -> None:
    found = roles(language)
    assert not {*found.drop, *found.light, *found.free} & {*found.prep, *found.focus, *found.number}


def test_what_roles_say() -> None:
    assert roles("de").article["den"] == "acc"
    assert roles("es").prep["mediante"] == "con"
    assert roles("en").prep == {}
    assert roles("fr").small("le")
    assert not roles("fr").small("fichier")
