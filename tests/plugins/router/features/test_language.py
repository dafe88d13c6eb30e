import pytest

from tailrace_plugins.router.features.language import detect
from tailrace_plugins.router.features.text import words_of

SENTENCES = {
    "en": "What is the difference between a process and a thread?",
    "de": "Was ist der Unterschied zwischen einem Prozess und einem Thread?",
    "fr": "Quelle est la différence entre un processus et un fil d'exécution ?",
    "es": "¿Cuál es la diferencia entre un proceso y un hilo?",
    "it": "Qual è la differenza tra un processo e un thread?",
    "pt": "Qual é a diferença entre um processo e uma thread? Não sei.",
    "nl": "Wat is het verschil tussen een proces en een thread?",
    "ru": "В чём разница между процессом и потоком?",
    "pl": "Jaka jest różnica między procesem a wątkiem? Czy możesz mi to wyjaśnić?",
    "tr": "Bir süreç ile bir iş parçacığı için fark nedir?",
    "zh": "进程和线程有什么区别？",
    "ja": "プロセスとスレッドの違いは何ですか？",
    "ko": "프로세스와 스레드의 차이는 무엇인가요?",
    "ar": "ما الفرق بين العملية والخيط؟",
    "hi": "प्रोसेस और थ्रेड में क्या अंतर है?",
}


@pytest.mark.parametrize(("code", "text"), SENTENCES.items())
def test_the_language_of_a_sentence(code: str, text: str) -> None:
    low = text.lower()
    assert detect(low, words_of(low)) == code


@pytest.mark.parametrize("text", ["", "   ", "1234", "xyzzy", "🙂🙂", "\ud800"])
def test_what_tells_nothing_has_none(text: str) -> None:
    assert detect(text, words_of(text)) == ""
