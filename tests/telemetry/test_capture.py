from tailrace.telemetry.capture import MOST_HEARD_BYTES, Capture
from tailrace.wire import jsonio, sse
from tailrace.wire.endpoints import EMBEDDINGS

OUTPUT = "gen_ai.output.messages"


def event(told):
    return sse.parse(b"data: " + (told if isinstance(told, bytes) else jsonio.dumps(told)) + b"\n\n")


def delta(text, reason=None):
    return event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]})


def said(found):
    [message] = jsonio.loads(found[OUTPUT])
    return message["parts"][0]["content"], message["finish_reason"]


def streaming(story):
    return story(payload={"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).attempt(9)


def test_a_stream_is_put_together(story):
    capture, ended = Capture(), streaming(story).stream().end(10)
    hear = capture.listener(ended.exchange)
    for each in (delta("hel"), delta("lo", "stop"), event(b"[DONE]")):
        hear(each)
    found = capture.take(ended.exchange, ended.trail)
    assert said(found) == ("hello", "stop")
    assert jsonio.loads(found["gen_ai.input.messages"])[0]["parts"][0]["content"] == "hi"


def test_a_whole_answer(story, told):
    capture, ended = Capture(), told["plain"]
    answer = {"object": "chat.completion", "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}
    capture.listener(ended.exchange)(event(answer))
    assert said(capture.take(ended.exchange, ended.trail)) == ("yes", "stop")


def test_a_stream_that_was_answered_whole(story):
    capture, ended = Capture(), streaming(story).whole().end(10)
    answer = {"object": "chat.completion", "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}
    capture.listener(ended.exchange)(event(answer))
    assert said(capture.take(ended.exchange, ended.trail)) == ("yes", "stop")


def test_what_is_not_sampled_is_not_heard(story):
    assert Capture().listener(story(sampled=False).exchange) is None
    assert Capture().listener(story(endpoint=EMBEDDINGS).exchange) is None


def test_memory_is_bounded(story):
    capture, ended = Capture(), streaming(story).stream().end(10)
    hear = capture.listener(ended.exchange)
    hear(delta("a"))
    hear(delta("b" * MOST_HEARD_BYTES))
    hear(delta("c"))
    assert said(capture.take(ended.exchange, ended.trail))[0] == "a"
    assert capture.take(ended.exchange, ended.trail).keys() == {"gen_ai.input.messages"}
    for number in range(300):
        capture.listener(story(number=number).exchange)
    assert len(capture._under_way) == 256


def test_without_a_call_there_is_nothing_to_tell(told):
    capture, ended = Capture(), told["hit"]
    capture.listener(ended.exchange)
    assert capture.take(ended.exchange, ended.trail) is None
    assert not capture._under_way
