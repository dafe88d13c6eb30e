"""Which language a text is in."""

import pytest

from tailrace_plugins.semantic_cache.verifier.languages import common, fold
from tailrace_plugins.semantic_cache.verifier.tokens import tokenise


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("How old is the tree?", "en"), ("Wie alt ist der Baum?", "de"), ("Quel âge a cet arbre ?", "fr"),
        ("¿Qué edad tiene el árbol?", "es"), ("Quanti anni ha questo albero e perché?", "it"), ("Quantos anos tem esta árvore? Não sei", "pt"),
        ("Hoe oud is deze boom?", "nl"), ("Сколько лет дереву?", "ru"), ("这棵树多大了？", "zh"), ("この木は何歳ですか", "ja"),
        ("이 나무는 몇 살이에요?", "ko"), ("كم عمر الشجرة؟", "ar"), ("पेड़ कितना पुराना है?", "hi"), ("Bu ağaç ne kadar eski?", "tr"),
        ("Jak stare jest to drzewo?", "pl"), ("kubectl", "en"), ("Is Ben Ode a Dane?", "en"),
    ],
)  # fmt: skip
def test_common_to_itself(text: str, code: str) -> None:
    assert common(tokenise(text), tokenise(text)) == code


def test_two_languages_have_none_in_common() -> None:
    assert common(tokenise("Wie alt ist der Baum?"), tokenise("How old is the tree?")) is None
    assert common(tokenise("Wie alt ist der Baum?"), tokenise("Tokyo")) == "de"


def test_accents_are_folded_only_where_people_leave_them_out() -> None:
    assert fold("contraseña", "es") == "contrasena"
    assert fold("şifremi nasıl", "tr") == "sifremi nasil"
    assert fold("й", "ru") == "й"
    assert fold("perché è così", "it") == "perche è cosi"
