import pytest

from tailrace_plugins.compress.evaluate.facts import Facts, Kept


def said(text="", **arguments):
    from tailrace.wire import jsonio

    calls = [{"function": {"name": "do", "arguments": jsonio.dumps(arguments).decode()}}] if arguments else []
    return {"role": "assistant", "content": text, "tool_calls": calls}


def check(answer, result, sent=""):
    return Facts().check(answer, [result], [sent])


@pytest.mark.parametrize(
    ("fact", "result"),
    [
        ("HAT069", '[{"flight_number": "HAT069"}]'),
        ("2024-05-20", "on 2024-05-20 at noon"),
        ("06:15:00", '{"at":"06:15:00"}'),
        ("credit_card_4421486", '{"id": "credit_card_4421486"}'),
        ("121", '{"price": 121}'),
        ("mia.li3818@example.com", '{"email": "mia.li3818@example.com"}'),
        ("src/main.py", "modified: src/main.py\n"),
        ("/etc/hosts", "cat /etc/hosts"),
        ("main.py", "main.py:12: warning"),
        ("Austin", '{"city": "Austin"}'),
        ("some_name", "def some_name():"),
    ],
)
def test_what_is_a_fact(fact, result):
    for answer in (said(f"It is {fact}."), said(value=fact), said(more=[{"deep": f"a {fact} b"}])):
        assert check(answer, result) == Kept(1, 0, (fact,))
        assert check(answer, result, sent=result) == Kept(1, 1)


@pytest.mark.parametrize("word", ["51", "the", "flight", "A1"])
def test_what_is_none(word):
    assert check(said(f"It is {word}."), f'{{"x": "{word}"}}') == Kept()


def test_only_what_a_result_said_counts():
    assert check(said("Flight HAT070 on 2024-05-20"), '{"flight": "HAT069"}') == Kept()


def test_a_number_in_another_is_not_it():
    for sent in ("1210", "3121"):
        assert check(said("121"), '{"price": 121}', sent=sent) == Kept(1, 0, ("121",))
    assert check(said("121"), '{"price": 1210}') == Kept()


def test_a_fact_stands_in_a_table_as_in_json():
    sent = "[2]{flight_number,price}:\n  HAT069,121\n  HAT070,99"
    assert (
        check(
            said("HAT069 is 121, HAT070 is cheaper"),
            '[{"flight_number": "HAT069", "price": 121}, {"flight_number": "HAT070"}]',
            sent,
        ).lost
        == ()
    )


def test_a_line_that_tells_of_an_error_is_a_fact():
    result = "ok\n  ValueError: no such thing as this\nok"
    answer = said("It says: ValueError: no such thing as this")
    lost = check(answer, result, sent="ok\n[2 lines left out]").lost
    assert "ValueError: no such thing as this" in lost
    assert check(answer, result, sent=result).lost == ()


def test_escapes_are_read():
    result = '{"text": "first\\nHAT069\\tsecond"}'
    assert check(said("HAT069"), result, sent=result) == Kept(1, 1)
    assert check(said(text_of="a\nHAT069"), result, sent=result) == Kept(1, 1)


def test_a_fact_may_be_in_another_result_or_in_what_a_text_decodes_to():
    answer = said("HAT069 and HAT070")
    results = ["HAT069", "HAT070 HAT069"]
    assert Facts().check(answer, results, ["", "HAT069"]) == Kept(2, 1, ("HAT070",))
    assert Facts().check(answer, results, ["", "coded", "HAT070 HAT069"]) == Kept(2, 2)


def test_they_add_up():
    assert Kept(2, 1, ("a",)) + Kept(3, 2, ("b",)) == Kept(5, 3, ("a", "b"))
