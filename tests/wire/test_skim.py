import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.wire import skim

CHAT = skim.TEXT_KEYS["chat"]


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (b'event: response.output_text.delta\ndata: {"type":"x"}\n\n', b"response.output_text.delta"),
        (b'event: response.output_item.done\ndata: {"type":"x"}\n\n', b"response.output_item.done"),
        (b'event: content_block_delta\ndata: {"type":"x"}\n\n', b"content_block_delta"),
        (b'event: ping\ndata: {"type":"ping"}\n\n', b"ping"),
        (b'data: {"type":"response.output_text.delta","delta":"x"}\n\n', b"response.output_text.delta"),
        (b'event: response.created\ndata: {"type":"x"}\n\n', b""),
        (b'event: response.completed\ndata: {"type":"x"}\n\n', b""),
        (b'event: response.incomplete\ndata: {"type":"x"}\n\n', b""),
        (b'event: response.failed\ndata: {"type":"x"}\n\n', b""),
        (b'event: message_delta\ndata: {"type":"x"}\n\n', b""),
        (b'event: error\ndata: {"type":"x"}\n\n', b""),
        (b'event: message\ndata: {"type":"x"}\n\n', b""),
        (b'data: {"type":"response.completed"}\n\n', b""),
        (b'data: {"error":{}}\n\n', b""),
        (b"event: response.completed\r\ndata: {}\r\n\r\n", b""),
        (b"event: content_block_delta\rdata: {}\r\r", b""),
        (b": note\n\n", b""),
    ],
)
def test_untold_name(frame, name):
    assert skim.untold_name(frame) == name


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (b'{"delta":{"content":"abc"}}', b"abc"),
        (b'{"delta": {"content": "abc"}}', b"abc"),
        (b'{"delta":{"content":"a\\"b"}}', b'a\\"b'),
        (b'{"delta":{"content":"a\\\\"}}', b"a\\\\"),
        (b'{"delta":{"content":null,"reasoning_content":"why"}}', b"why"),
        (b'{"delta":{"content":"","tool_calls":[{"function":{"arguments":"{}"}}]}}', b"{}"),
        (b'{"delta":{"content":"said: \\"content\\":\\"x\\""}}', b'said: \\"content\\":\\"x\\"'),
        (b'{"delta":{"content":""}}', b""),
        (b'{"delta":{}}', None),
        (b'{"delta":{"content":"never closed', None),
    ],
)
def test_text_span(frame, text):
    span = skim.text_span(frame, CHAT)
    assert (None if span is None else frame[slice(*span)]) == text


def chunk(text, finish="null", padding=None):
    tail = "" if padding is None else f',"obfuscation":"{padding}"'
    choice = f'{{"delta":{{"content":"{text}"}},"finish_reason":{finish}}}'
    return f'data: {{"choices":[{choice}],"usage":null{tail}}}\n\n'.encode()


def test_a_learnt_spelling_fits_other_texts_only():
    known = skim.Spellings(CHAT)
    assert known.text_length(chunk("one")) == -1
    assert known.learn(chunk("one")) == 3
    assert known.text_length(chunk("three")) == 5
    assert known.text_length(chunk("")) == 0
    assert known.text_length(chunk('a\\"b\\\\')) == 6
    for other in (
        chunk("x", '"stop"'),
        chunk("x", padding="p"),
        chunk("x") + b"\n",
        chunk("x").replace(b"null}", b"{}}"),
    ):
        assert known.text_length(other) == -1


def test_obfuscation_is_a_second_hole():
    known = skim.Spellings(CHAT)
    known.learn(chunk("one", padding="aaaa"))
    assert known.text_length(chunk("two!", padding="b")) == 4
    assert known.text_length(chunk("two!", padding="")) == 4
    assert known.text_length(chunk("two!", '"stop"', padding="b")) == -1
    assert known.text_length(chunk("two!")) == -1
    extended = chunk("two!", padding="b").replace(b'"}\n\n', b'","error":{"a":"}\n\n')
    assert known.text_length(extended) == -1


def test_the_oldest_spelling_is_forgotten():
    known = skim.Spellings(CHAT)
    spellings = [chunk("x").replace(b'"usage"', b'"u%d"' % number) for number in range(6)]
    for spelling in spellings:
        known.learn(spelling)
    assert [known.text_length(spelling) for spelling in spellings] == [-1, -1, 1, 1, 1, 1]


@given(st.text(alphabet='ab"\\{}:,', max_size=12), st.text(alphabet='ab"\\{}:,', max_size=12))
def test_a_frame_that_fits_differs_inside_one_string_only(first, second):
    known = skim.Spellings(CHAT)
    known.learn(chunk("seed", padding="pad"))
    frame = chunk(first, padding=second)
    if known.text_length(frame) >= 0:
        for hole in (first, second):
            stripped = hole.replace("\\\\", "").replace('\\"', "")
            assert '"' not in stripped
