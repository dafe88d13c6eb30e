import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire import canonical as module
from tailrace.wire import jsonio
from tailrace.wire.canonical import canonical, fingerprint


def test_the_example_of_rfc_8785_section_3_2():
    text = r"""{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"""
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical(jsonio.loads(text)) == expected.encode()


def test_the_sorting_example_of_rfc_8785_section_3_2_3():
    text = (
        '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",'
        '"\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}'
    )
    order = [
        json.loads(f'"{key}"') for key in ("\\r", "1", "\\u0080", "\\u00f6", "\\u20ac", "\\ud83d\\ude00", "\\ufb33")
    ]
    assert list(json.loads(canonical(jsonio.loads(text)))) == order


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("ffefffffffffffff", "-1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"),
        ("41b3de4355555555", "333333333.3333333"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_the_numbers_of_rfc_8785_appendix_b(bits, text):
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(value) == text.encode()
    assert canonical([value]) == f"[{text}]".encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="not JSON"):
        canonical({"temperature": value})


@pytest.mark.parametrize("value", [object(), {1: 2}, {1, 2}, b"x"])
def test_what_is_not_json_is_refused(value):
    with pytest.raises((TypeError, AttributeError)):
        canonical([value])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"t": 1}, {"t": 1.0}, True),
        ({"t": 0.0}, {"t": -0.0}, True),
        ({"t": 1e3}, {"t": 1000}, True),
        ({"t": 1}, {"t": True}, False),
        ({"t": 1}, {"t": "1"}, False),
        ({"t": None}, {}, False),
        ({"seed": 2**53}, {"seed": 2**53 + 1}, False),
        ({"seed": 2**63}, {"seed": 2**63 + 1}, False),
        ({"seed": 10**30}, {"seed": 10**30 + 1}, False),
        ({"a": "bc"}, {"ab": "c"}, False),
        ({"a": ["b", "c"]}, {"a": ["bc"]}, False),
        ({"é": 1}, {"e\u0301": 1}, False),
        ({"a": []}, {"a": {}}, False),
    ],
)
def test_fingerprints(one, other, same):
    assert (fingerprint(one) == fingerprint(other)) is same
    assert len(fingerprint(one)) == 64


def test_the_fingerprint_is_stable_between_releases():
    parts = {
        "tenant": "t",
        "body": {"model": "m", "temperature": 1.0, "messages": [{"role": "user", "content": "Grüße"}]},
    }
    assert canonical(parts) == (
        '{"body":{"messages":[{"content":"Grüße","role":"user"}],"model":"m","temperature":1},"tenant":"t"}'.encode()
    )
    assert fingerprint(parts) == "946a4a896a199c4eed529d97ec4e85d859ca9f528601f6c19e3da3c3170609ea"


odd = st.sampled_from(
    ["", "\ue000", "\uffff", "\U00010000", "\U0001f600", "\ud7ff", "é", "a", "\x7f", "\u2028", '"\\', "\x1f"]
)
strings = st.text(max_size=4) | st.lists(odd, max_size=3).map("".join)
numbers = (
    st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1.0, 1e15, 1e-5, 0.1])
)
values = st.recursive(
    st.none() | st.booleans() | numbers | strings,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_the_quick_way_is_the_exact_way(value):
    assert canonical(value) == module._exact(value)


def plainly(value):
    """RFC 8785 once more, without any of our code but the number table above."""
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: pair[0].encode("utf-16-be"))
        return "{" + ",".join(f"{plainly(key)}:{plainly(member)}" for key, member in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(plainly, value)) + "]"
    if isinstance(value, float):
        return module._ecmascript(value).decode()
    return json.dumps(value, ensure_ascii=False)


@given(values)
def test_canonical_is_what_the_rfc_says(value):
    assert canonical(value).decode() == plainly(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back_exactly(value):
    assert float(canonical(value)) == value


@given(values)
def test_key_order_and_rereading_change_nothing(value):
    def turned(inner):
        if isinstance(inner, dict):
            return {key: turned(inner[key]) for key in reversed(inner)}
        return [turned(member) for member in inner] if isinstance(inner, list) else inner

    assert canonical(turned(value)) == canonical(value)
    assert canonical(tuple(value) if isinstance(value, list) else value) == canonical(value)


@given(values, values)
def test_different_values_differ(one, other):
    # Python counts 1 == True and 1 == 1.0; JSON counts only the second.
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    if same:
        assert canonical(one) == canonical(other)
    elif canonical(one) == canonical(other):
        assert one == other
