from tailrace.testing import data
from tailrace.wire import sse
from tailrace.wire.sse import FrameSplitter
from tailrace_plugins.compress.hidden.stream.responses import ResponsesScreen

NAMES = frozenset({"expand"})
TOOLS = [{"type": "function", "name": "look"}, {"type": "function", "name": "expand"}]


class Provider:
    """Writes the events of one response."""

    def __init__(self, number):
        self.number, self.output, self.frames, self.count = number, [], [], 0
        self.tell("response.created", response=self.response("in_progress", []))

    def response(self, status, output, **more):
        about = {"id": f"resp_{self.number}", "created_at": self.number, "model": "m", "tools": TOOLS}
        return {**about, "status": status, "output": output, **more}

    def tell(self, kind, **more):
        self.frames.append(data({"type": kind, "sequence_number": self.count, **more}, kind))
        self.count += 1

    def item(self, kind, name=None):
        index = len(self.output)
        item = {"type": kind, "id": f"{kind}_{self.number}{index}"}
        if name:
            item |= {"name": name, "call_id": f"call_{self.number}{index}", "arguments": "{}"}
        self.tell("response.output_item.added", output_index=index, item=item)
        if name:
            self.tell("response.function_call_arguments.delta", output_index=index, item_id=item["id"], delta="{}")
            self.tell(
                "response.function_call_arguments.done",
                output_index=index,
                item_id=item["id"],
                name=name,
                arguments="{}",
            )
        elif kind == "reasoning":
            self.tell("response.reasoning_summary_text.delta", output_index=index, summary_index=0, delta="hm")
        self.tell("response.output_item.done", output_index=index, item=item)
        self.output.append(item)
        return self

    def end(self, status="completed", output=None, **more):
        given = self.output if output is None else output
        self.tell(f"response.{status}", response=self.response(status, given, **more))
        return self.frames


def fed(screen, frames):
    return b"".join(given for frame in frames for given in screen.feed(sse.parse(frame)))


def told(raw):
    return [sse.parse(frame).json for frame in FrameSplitter().feed(raw)]


def check(events):
    """The events are numbered without gaps, and what ended is what the response holds; its ids."""
    assert [one["sequence_number"] for one in events] == list(range(len(events)))
    added = [one["output_index"] for one in events if one["type"] == "response.output_item.added"]
    assert added == list(range(len(added)))
    done = [one["item"]["id"] for one in events if one["type"] == "response.output_item.done"]
    final = events[-1]["response"]
    assert [item["id"] for item in final["output"]] == done and "expand" not in str(events)
    assert final["id"] == "resp_1" and final["tools"] == TOOLS[:1]
    return done


def test_rounds_are_one_response():
    screen = ResponsesScreen(NAMES)
    given = fed(
        screen, Provider(1).item("reasoning").item("message").item("reasoning").item("function_call", "expand").end()
    )
    assert screen.hides and screen.is_over and b"response.completed" not in given
    screen.next_round()
    given += fed(screen, Provider(2).item("reasoning").item("function_call", "expand").end())
    screen.next_round()
    given += fed(screen, Provider(3).item("message").item("function_call", "look").end(usage={"input_tokens": 3}))
    given += b"".join(screen.close())
    events = told(given)
    assert check(events) == ["reasoning_10", "message_11", "message_30", "function_call_31"]
    assert events[-1]["response"]["usage"] == {"input_tokens": 3} and events[-1]["response"]["created_at"] == 1
    assert given.count(b"event: response.created") == given.count(b"event: response.completed") == 1


def test_a_mixed_response_keeps_the_thought_of_the_clients_call():
    for order in (["expand", "look"], ["look", "expand"], ["expand", "look", "expand"]):
        screen = ResponsesScreen(NAMES)
        provider = Provider(1).item("reasoning")
        for name in order:
            provider.item("function_call", name)
        given = fed(screen, provider.end()) + b"".join(screen.close())
        assert check(told(given)) == ["reasoning_10", f"function_call_1{order.index('look') + 1}"]


def test_without_another_round_a_thought_that_led_nowhere_is_left_out():
    screen = ResponsesScreen(NAMES)
    given = fed(screen, Provider(1).item("reasoning").item("function_call", "expand").end("incomplete"))
    events = told(given + b"".join(screen.close()))
    assert check(events) == [] and events[-1]["type"] == "response.incomplete"


def test_a_response_that_ends_while_thinking_is_whole():
    frames = [
        frame.replace(b',{"type":"function","name":"expand"}', b"")
        for frame in Provider(1).item("message").item("reasoning").end()
    ]
    screen = ResponsesScreen(NAMES)
    assert fed(screen, frames) + b"".join(screen.close()) == b"".join(frames)


def test_the_end_of_a_thought_is_held_until_the_next_item_only():
    frames = [
        frame.replace(b',{"type":"function","name":"expand"}', b"")
        for frame in Provider(1).item("reasoning").item("message").end()
    ]
    screen = ResponsesScreen(NAMES)
    given = [fed(screen, [frame]) for frame in frames]
    assert given[3] == b"" and given[4] == frames[3] + frames[4]
    assert b"".join(given) + b"".join(screen.close()) == b"".join(frames)


def test_an_output_that_a_gateway_left_out_is_filled_in():
    screen = ResponsesScreen(NAMES)
    given = fed(screen, Provider(1).item("message").item("function_call", "expand").end(output=[]))
    assert screen.answer()["output"][1]["name"] == "expand"
    screen.next_round()
    given += fed(screen, Provider(2).item("message").end(output=[])) + b"".join(screen.close())
    assert check(told(given)) == ["message_10", "message_20"]


def test_events_without_numbers_get_none():
    screen = ResponsesScreen(NAMES)
    frames = Provider(1).item("message").item("function_call", "expand").item("message").end()
    bare = []
    for frame in frames:
        event = sse.parse(frame)
        bare.append(data({key: value for key, value in event.json.items() if key != "sequence_number"}, event.event))
    given = fed(screen, bare) + b"".join(screen.close())
    assert b"sequence_number" not in given and [one.get("output_index") for one in told(given)] == [
        None,
        0,
        0,
        1,
        1,
        None,
    ]


def test_a_response_that_fails_is_told_at_once():
    screen = ResponsesScreen(NAMES)
    fed(screen, Provider(1).item("function_call", "expand").end())
    screen.next_round()
    events = told(fed(screen, Provider(2).end("failed", error={"message": "busy"})))
    assert screen.failed and events[-1]["type"] == "response.failed" and events[-1]["response"]["id"] == "resp_1"
