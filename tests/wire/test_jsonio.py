import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire import jsonio


def nested(depth, kind="[]"):
    opening = "".join("[" if kind[level % len(kind)] == "[" else '{"k":' for level in range(depth))
    closing = "".join("]" if kind[level % len(kind)] == "[" else "}" for level in reversed(range(depth)))
    return opening + ("1" if kind[(depth - 1) % len(kind)] == "{" else "") + closing


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"a":1,}',
        b"[1] 2",
        b"NaN",
        b"[Infinity]",
        b"1e999",
        b'"\\ud800"',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"'a'",
        b"[" * 100_000,
    ],
)
def test_malformed_text_is_refused(text):
    with pytest.raises(jsonio.BadJson):
        jsonio.loads(text)


def test_a_refusal_never_holds_the_input():
    secret = "sk-very-secret"
    with pytest.raises(jsonio.BadJson) as refused:
        jsonio.loads('{"key": "' + secret + '" oops')
    error = refused.value
    while error is not None:
        assert secret not in repr(error) + repr(vars(error)) + repr(error.args)
        assert not hasattr(error, "doc")
        error = error.__context__ or error.__cause__


@pytest.mark.parametrize("kind", ["[", "{", "[{"])
@pytest.mark.parametrize("padding", ["", "x" * 5000])
@pytest.mark.parametrize("form", [bytes, bytearray, memoryview, bytes.decode])
def test_depth_is_exact(kind, padding, form):
    def within(depth):
        return form(f'["{padding}",{nested(depth - 1, kind)}]'.encode())

    assert jsonio.loads(within(jsonio.MAX_DEPTH))
    with pytest.raises(jsonio.BadJson, match="128"):
        jsonio.loads(within(jsonio.MAX_DEPTH + 1))


def test_depth_of_the_widest_and_deepest_branch_counts():
    shallow = "[" + ",".join(["[[]]"] * 5000) + "]"
    assert jsonio.loads(shallow)
    with pytest.raises(jsonio.BadJson):
        jsonio.loads(shallow[:-1] + "," + nested(jsonio.MAX_DEPTH) + "]")


def test_brackets_inside_strings_are_text():
    assert jsonio.loads(b'{"code": "' + b'[{\\"' * 3000 + b'"}')


@pytest.mark.parametrize("text", [b"[]", b'"a"', b"1", b"null", b"true"])
def test_loads_object_wants_an_object(text):
    jsonio.loads(text)
    with pytest.raises(jsonio.BadJson, match="object"):
        jsonio.loads_object(text)


def test_loads_object_and_dumps():
    assert jsonio.loads_object(memoryview(b'{"b": 1, "a": "\xc3\xa9"}')) == {"b": 1, "a": "é"}
    assert jsonio.dumps({"b": 1, "a": "é"}) == b'{"b":1,"a":"\xc3\xa9"}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"{}", False),
        (b'{"a":1,"b":2}', False),
        (b'{"a":1,"a":1}', True),
        (b'{"model":1,"mod\\u0065l":2}', True),
        (b'{"mod\\u0065l":2,"model":1}', True),
        (b'{"mod\\u0065l":2}', False),
        (b'{"a":1,"a":1,"n":1e6}', True),  # as long as its value written anew
        (b'{"a":{"b":1,"b":2}}', False),
        (b'{"a":{"a":1},"b":["a","a"]}', False),
        (b'{"a":"a","b":"a"}', False),
        (b'{"b":{"x":1},"a":{"b":1},"b":1}', True),
        (b'{"a\\"b":1,"a\\u0022b":1}', True),
        (b'{"a\\/b":1,"a/b":1}', True),
        (b'{"\\ud83d\\ude00":1,"\xf0\x9f\x98\x80":1}', True),
        (b'{"A":1,"a":1}', False),
        (b'{"n":' + b"9" * 300 + b',"m":1}', False),
        (b'[{"a":1,"a":2}]', False),
        (b'{"a":[{"a":1,"a":2}]}', False),
    ],
)
def test_duplicate_keys(text, expected):
    assert jsonio.has_duplicate_keys(text) is expected


def test_duplicates_among_very_many_keys():
    many = ",".join(f'"k{number}":0' for number in range(20_000))
    assert jsonio.has_duplicate_keys(b"{%b}" % many.encode()) is False
    assert jsonio.has_duplicate_keys(b'{%b,"k77":1}' % many.encode()) is True


def test_duplicate_keys_of_malformed_text():
    with pytest.raises(jsonio.BadJson):
        jsonio.has_duplicate_keys(b'{"a":1,"a":')


def spelled(key, escape):
    if escape:
        units = key.encode("utf-16-be").hex()
        return '"' + "".join("\\u" + units[at : at + 4] for at in range(0, len(units), 4)) + '"'
    return orjson.dumps(key).decode()


keys = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=3)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | keys,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.tuples(keys, st.booleans(), values), max_size=6))
def test_duplicate_keys_agree_with_the_pairs_written(pairs):
    text = (
        "{" + ",".join(f"{spelled(key, escape)}:{orjson.dumps(value).decode()}" for key, escape, value in pairs) + "}"
    )
    names = [key for key, _, _ in pairs]
    assert jsonio.has_duplicate_keys(text.encode()) is (len(set(names)) != len(names))


@given(values)
def test_loads_agrees_with_the_standard_library(value):
    text = json.dumps(value)
    assert jsonio.loads(text) == json.loads(text) == value
    assert jsonio.loads(jsonio.dumps(value)) == value
