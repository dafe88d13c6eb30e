import inspect
import textwrap

import tailrace.testing


def test_the_example_in_the_docs_works():
    text = inspect.cleandoc(tailrace.testing.__doc__)
    blocks = [
        textwrap.dedent(part)
        for part in text.split("\n\n    ", 1)[1:]
        for part in ["    " + part.split("\n\n`exchange`")[0]]
    ]
    assert len(blocks) == 1
    names = {}
    exec(compile(blocks[0], "tailrace.testing example", "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 1
    tests[0]()


def test_everything_shown_is_there():
    for name in set(tailrace.testing.__all__) - {"Answer"}:
        assert inspect.getdoc(getattr(tailrace.testing, name)), name
