"""Forms of verbs and nouns."""

import pytest

from tailrace_plugins.semantic_cache.verifier.inflect import (
    EITHER,
    FIRST,
    PAST,
    PLURAL,
    nouns,
    plain,
    separable,
    verbs,
)


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("de", "löschen lösche lösch löscht entfernen entferne"),
        ("fr", "supprimer supprime supprimez effacer effacez"),
        ("es", "eliminar elimina elimine borra borrar"),
        ("it", "cancellare cancella cancelli elimina"),
        ("pt", "apagar apague apaga exclua excluir"),
        ("nl", "verwijderen verwijder verwijdert wis"),
        ("ru", "удалить удали удалите удаляй удалять"),
        ("pl", "usunąć usuń usuwać usuwaj"),
        ("tr", "sil silebilir silin silmek"),
    ],
)
def test_forms_of_one_verb(language: str, forms: str) -> None:
    found = {verbs(language)[form] for form in forms.split()}
    assert len(found) == 1
    assert found.pop()[1] == ""


@pytest.mark.parametrize(
    ("language", "form", "kind"),
    [("de", "gelöscht", PAST), ("fr", "supprimé", PAST), ("fr", "supprime", ""), ("es", "borro", FIRST),
     ("es", "borró", PAST), ("it", "cancello", FIRST), ("nl", "gestuurd", PAST), ("ru", "удалил", PAST)],
)  # fmt: skip
def test_tense_and_person_are_kept(language: str, form: str, kind: str) -> None:
    assert verbs(language)[form][1] == kind


def test_opposites_are_never_one_verb() -> None:
    for language, one, other in (
        ("de", "aktivieren", "deaktivieren"), ("fr", "activer", "désactiver"), ("es", "bloquear", "desbloquear"),
        ("it", "accendi", "spegni"), ("pt", "ligue", "desligue"), ("nl", "starten", "stoppen"),
        ("ru", "включи", "выключи"), ("pl", "włącz", "wyłącz"), ("tr", "aç", "kapat"), ("de", "sperren", "freigeben"),
    ):  # fmt: skip
        assert verbs(language)[one][0] != verbs(language)[other][0]


def test_separable_verbs() -> None:
    assert separable("de")["schalte"]["aus"] == verbs("de")["ausschalten"]
    assert separable("de")["schalte"]["aus"] != separable("de")["schalte"]["ein"]


def test_number_of_nouns() -> None:
    table, longest = nouns("de")
    assert table["datei"] == ("N:datei", "")
    assert table["dateien"] == ("N:datei", PLURAL)
    assert nouns("ru")[0]["папки"][1] == EITHER
    assert longest > 1


def test_umlauts_however_they_are_spelled() -> None:
    assert plain("können", "de") == plain("koennen", "de") == plain("konnen", "de")
    assert plain("ещё", "ru") == plain("еще", "ru")
