from tailrace.sim.words import answer, excerpt, filler


def test_an_answer_reacts_to_the_question_and_is_of_bounded_length():
    for seed in range(50):
        said = answer(seed, "Why do rivers meander?")
        assert 30 <= len(said) <= 120
        assert "Why do rivers meander?" in "".join(said)


def test_an_answer_after_tool_calls_refers_to_their_results():
    text = "".join(answer(1, "Find it", ["first", "the last finding"]))
    assert "2 tool calls" in text
    assert "the last finding" in text


def test_the_length_can_be_asked_for():
    assert len(answer(1, "x", (), 200)) == 200
    assert len(filler(1, 17)) == 17


def test_an_excerpt_is_one_short_line_without_directives():
    assert excerpt("a\n b [[sim: rounds=2]] c") == "a b c"
    assert len(excerpt("word " * 100)) <= 80
