from tailrace_plugins.router.features.code import measure


def test_blocks_their_size_and_languages() -> None:
    found = measure(["look\n```python\nx = 1\n```\nand\n```go\ny := 2\n```", "```Python\nz\n```"], "")
    assert found["code_blocks"] == 3
    assert found["code_languages"] == 2
    assert found["code_chars"] == len("python\nx = 1\n") + len("go\ny := 2\n") + len("Python\nz\n")


def test_an_open_fence_counts_to_the_end() -> None:
    assert measure(["```\nabc"], "")["code_chars"] == 4


def test_code_without_fences_shows_by_its_signs() -> None:
    assert measure([], "def f(x):\n    return x")["code_signs"] == 2
    assert measure([], "please define it")["code_signs"] == 0


def test_many_fences_are_counted_up_to_a_bound() -> None:
    assert measure(["```a\n" * 100_000], "")["code_blocks"] == 50
