from tailrace_plugins.router.features.sample import HEAD, TAIL, excerpt


def test_a_short_text_is_left_as_it_is() -> None:
    text = "x" * (HEAD + TAIL)
    assert excerpt(text) is text


def test_of_a_long_text_both_ends_are_kept() -> None:
    text = "start" + "x" * 1_000_000 + "end"
    cut = excerpt(text)
    assert cut.startswith("start") and cut.endswith("end")
    assert len(cut) == HEAD + TAIL + 1
