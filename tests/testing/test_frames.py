from tailrace.testing import chat_chunk, chat_text, data
from tailrace.wire import sse
from tailrace.wire.assemble import assembler


def test_data():
    assert data("x") == b"data: x\n\n"
    assert data({"type": "ping"}, "ping") == b'event: ping\ndata: {"type":"ping"}\n\n'


def test_a_chunk_has_what_clients_expect():
    told = sse.parse(chat_chunk("hi", index=2, usage={"total_tokens": 3})).json
    assert told["object"] == "chat.completion.chunk"
    assert told["choices"] == [{"index": 2, "delta": {"content": "hi"}, "finish_reason": None}]
    assert told["usage"] == {"total_tokens": 3}
    assert sse.parse(chat_chunk(finish="length")).json["choices"][0] == {
        "index": 0,
        "delta": {},
        "finish_reason": "length",
    }


def test_a_text_is_a_complete_stream():
    gathered = assembler("chat")
    frames = chat_text("Hel", "lo")
    for frame in frames[:-1]:
        gathered.feed(sse.parse(frame).json)
    choice = gathered.result()["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": "Hello"}
    assert choice["finish_reason"] == "stop"
    assert frames[-1] == sse.DONE
