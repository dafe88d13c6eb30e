import pytest

from tailrace_plugins.router.cascade.phrases import manner_of

REFUSALS = """I'm sorry, but I can't help with that.
I’m sorry, but I can’t assist with this request.
I cannot provide instructions for that.
**I'm unable to comply** with this.
As an AI language model, I have no opinions.
I must respectfully decline.
Es tut mir leid, aber das geht nicht.
Het spijt me, maar dat kan niet.
Je suis désolé, mais je ne peux pas répondre.
Lo siento, pero no puedo ayudarte con eso.
Mi dispiace, ma non posso rispondere.
Desculpe, mas não posso ajudar.
Przykro mi, ale nie mogę tego zrobić.
Извините, но я не могу помочь.
Üzgünüm, ancak bu konuda yardımcı olamam.
很抱歉，我无法提供这些信息。
申し訳ありませんが、お手伝いできません。
죄송하지만 도와드릴 수 없습니다.
عذرًا، لا أستطيع مساعدتك في ذلك.
क्षमा करें, मैं इसमें मदद नहीं कर सकता।""".splitlines()

UNSURE = """I don't know the answer.
I'm not entirely sure which one you mean.
I am not familiar with this library.
Ich bin mir nicht sicher.
Je ne sais pas.
No estoy seguro de eso.
Non lo so.
Não tenho certeza.
Nie wiem.
Я не знаю.
Bundan emin değilim.
我不确定。
わかりません。
잘 모르겠습니다.
لا أعرف.
मुझे नहीं पता।""".splitlines()

HEDGED = """I think it is Paris.
It is probably 4.
Ich glaube, es ist Paris.
C'est peut-être Paris.
Creo que es París.
Возможно, это Париж.
我认为是巴黎。
おそらくパリです。""".splitlines()

PLAIN = """Paris.
I can't find the file, so I will search for it.
I'm sorry for the confusion. Here is the corrected function:
Sorry about that! Fixed below.
The help command cannot be used here.
def probability(x): return x
The unknown quantity x equals 4.
Unsurely is an adverb.
Das Sprachmodell wurde 2020 vorgestellt.
巴黎是法国的首都。""".splitlines()


@pytest.mark.parametrize(
    ("text", "manner"),
    [
        *((text, "refusal") for text in REFUSALS),
        *((text, "unsure") for text in UNSURE),
        *((text, "hedged") for text in HEDGED),
        *((text, "") for text in PLAIN),
        ("", ""),
        ("  \n# *> ", ""),
    ],
)
def test_how_an_answer_begins(text, manner):
    assert manner_of(text) == manner


def test_only_the_head_counts():
    assert manner_of("The capital of France is Paris. " * 20 + "I'm sorry, but I can't help.") == ""


def test_a_long_head_without_spaces_costs_no_time():
    for text in ("i'm " * 10_000, "i don't " * 10_000, "a" * 1_000_000, " " * 1_000_000):
        manner_of(text)
