import time

import pytest

from tailrace_plugins.router.policy.phrases import corrects, refuses

CORRECTIONS = """
That's wrong.
That’s wrong, the sum is 12.
No, that is not right.
this is incorrect
Wrong.
wrong!
No, I meant the second file.
no i meant the other one
I meant the last three months, not all of them
Hmm, that's not what I asked for.
Not what I wanted.
It still doesn't work
The build still fails with the same error.
Still getting the same error
still not working :(
It doesn't work.
That didn't help, the page stays blank.
Your answer is wrong.
The code is still broken
Try again.
try again
Please try again with the other flag
You misunderstood me, I want a table.
You made a mistake in the second line.
You got it wrong.
I get the same error as before.
Same error.
Thanks. But that's wrong.
Sorry, but this is not correct.
OK, I ran it. It still crashes on start.
Das ist falsch.
Das ist leider immer noch nicht richtig
Nein, ich meinte die andere Datei.
Das stimmt nicht.
Es funktioniert immer noch nicht
Geht leider nicht.
Versuch es nochmal
C'est faux.
Non, ce n'est pas ce que je voulais.
Ça ne marche toujours pas.
Réessaie.
Eso está mal.
No, me refería a la otra tabla.
Todavía no funciona
Inténtalo de nuevo
È sbagliato.
Non è corretto, il risultato è 4
Non funziona ancora.
Riprova
Isso está errado.
Não, eu quis dizer o outro.
Ainda não funciona
Tente novamente.
Dat klopt niet.
Nee, ik bedoelde de andere.
Het werkt nog steeds niet
Probeer het opnieuw.
Это неправильно.
Нет, я имел в виду другое
Все ещё не работает
Попробуй ещё раз
不对,应该是五。
这是错的
还是不行
再试一次
我的意思是第二个文件
違います。
それは間違っています
まだ動きません。
もう一度やり直してください
"""

NO_CORRECTIONS = """
What's wrong with this code?
What is wrong here
Is that wrong?
That's wrong, isn't it?
Why is that incorrect?
no problem
No, thanks.
No, that's all.
No worries, looks great!
Now write the tests.
Great, that works!
Perfect. Now add a button.
Tell me if that's wrong.
If it doesn't work, use the other one.
Make sure that wrong passwords are rejected.
Write a button labelled "Try again".
Try again button should be blue
Explain why 0.1 + 0.2 is not 0.3
Fix the typo in wrong_name.py
Write a story about a man who meant well.
I mean to travel to Rome in May; plan it.
The user said the answer is wrong, so we should log it
Still water runs deep: what does it mean
Sort the errors by date.
It works, but please rename it.
Same as before, but for 2024.
Rightly or wrongly, do it
Kein Problem
Was ist daran falsch?
Warum funktioniert das nicht?
Pas de problème
Qu'est-ce qui ne marche pas ?
Sin problema
¿Qué está mal?
Es importante que sea corto
Nessun problema
Cosa non funziona?
E poi scrivi i test
Sem problema
Geen probleem
Wat is er fout?
Нет проблем
Что неправильно?
没问题
哪里错了?
对不对?
这样对不对
不对称加密是什么
問題ありません
違いは何ですか
何が間違っていますか。
ありがとうございます
"""

REFUSALS = """
I'm sorry, but I can't help with that.
I’m sorry, but I can’t assist with that request.
I cannot assist with this.
Sorry, I can't do that.
I can't provide instructions for that.
I am unable to help with this request.
I won't help with creating malware.
As an AI language model, I cannot give legal advice.
I must decline.
That violates our usage policies.
Es tut mir leid, aber ich kann dabei nicht helfen.
Tut mir leid, das kann ich nicht tun.
Dabei kann ich Ihnen leider nicht helfen.
Je suis désolé, mais je ne peux pas vous aider.
Je ne peux pas répondre à cette demande.
Lo siento, pero no puedo ayudarte con eso.
Mi dispiace, ma non posso aiutarti.
Desculpe, mas não posso ajudar com isso.
Het spijt me, maar ik kan je daar niet mee helpen.
Извините, но я не могу помочь с этим.
抱歉,我无法提供这些信息。
对不起,我不能帮助你。
申し訳ありませんが、そのご依頼にはお応えできません。
お手伝いすることはできません。
"""

NO_REFUSALS = """
I can't find any bugs in this code.
I'm sorry about the confusion. Here is the corrected version.
Sorry for the delay! The tests pass now.
The function cannot assist with negative numbers.
You can't help but notice that the loop runs twice.
I can help with that.
Here's the plan.
I cannot reproduce the failure; the tests pass here.
Users can't share passwords.
This policy describes leave.
Das kann nicht null sein.
Kann ich Ihnen noch weiter helfen?
On ne peut pas diviser par zéro.
No puedo sino recomendarlo.
Non posso che confermare.
Я могу помочь с этим.
我可以帮助你。
お手伝いできます。
"""


def lines(text):
    return [pytest.param(line, id=line[:40]) for line in text.strip().splitlines()]


@pytest.mark.parametrize("text", lines(CORRECTIONS))
def test_corrections(text):
    assert corrects(text)
    assert corrects("  \n" + text.upper())


@pytest.mark.parametrize("text", lines(NO_CORRECTIONS))
def test_what_is_no_correction(text):
    assert not corrects(text)


@pytest.mark.parametrize("text", lines(REFUSALS))
def test_refusals(text):
    assert refuses(text)


@pytest.mark.parametrize("text", lines(NO_REFUSALS))
def test_what_is_no_refusal(text):
    assert not refuses(text)


def test_only_the_beginning_is_looked_at():
    story = "Once upon a time there was a mill. " * 20
    assert not corrects(story + "That's wrong.")
    assert not refuses(story + "I'm sorry, but I can't help with that.")


@pytest.mark.parametrize("text", ["", " ", "\n\n", ".", "?!?!", "\ud800", "\u0301" * 50, "。。。", "! !"])
def test_texts_of_nothing(text):
    assert not corrects(text)
    assert not refuses(text)


@pytest.mark.parametrize(
    "unit",
    [
        "no, ",
        "that's still ",
        "es funktioniert noch ",
        "i'm sorry, i ",
        "as an ai ",
        "不是",
        "it " * 3,
        "nooo",
        " ",
        "ﷺ",
    ],
)
def test_no_text_takes_long(unit):
    text = unit * 100_000
    began = time.perf_counter()
    corrects(text)
    refuses(text)
    assert time.perf_counter() - began < 0.5
