import orjson

from tailrace.sim.script import DONE, Framing, Kind, event, json_script, sse_script


def test_events_are_framed_as_the_providers_frame_them():
    assert event({"a": 1}).data == b'data: {"a":1}\n\n'
    assert event({"a": 1}, name="ping").data == b'event: ping\ndata: {"a":1}\n\n'
    assert (DONE.data, DONE.kind) == (b"data: [DONE]\n\n", Kind.DONE)


def test_scripts_say_how_they_are_framed():
    whole, stream = json_script({"a": 1}, 201), sse_script([DONE])
    assert (whole.status, whole.framing, whole.stream) == (201, Framing.LENGTH, False)
    assert orjson.loads(next(iter(whole.steps)).data) == {"a": 1}
    assert (stream.framing, stream.stream) == (Framing.CHUNKED, True)
