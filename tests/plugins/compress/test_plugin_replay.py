"""What the plugin is for: what was sent once is sent the same for ever."""

import asyncio
import copy

import pytest
from compress_kit import SHAPES, Bill, Loop, compressor, lent, listing, minified, send, sent

from tailrace.testing import exchange, run, whole
from tailrace.wire import jsonio
from tailrace_plugins.compress import work as module
from tailrace_plugins.compress.locate import locate, replaced
from tailrace_plugins.compress.passes import Switches

SHORT = jsonio.dumps(jsonio.loads(listing())).decode()
MARK = {"cache_control": {"type": "ephemeral"}}


@pytest.fixture(autouse=True)
def one_pass(monkeypatch):
    monkeypatch.setattr(module, "compress", minified)


def is_prefix(before, after):
    """Whether a provider that has read one list of messages finds it at the beginning of another."""
    return jsonio.dumps(after).startswith(jsonio.dumps(before)[:-1])


@pytest.mark.parametrize("shape", SHAPES)
async def test_twenty_turns_each_the_prefix_of_the_next(shape):
    made, loop = compressor(), Loop(shape)
    before = []
    for turn in range(20):
        result = await send(made, loop)
        assert is_prefix(before, sent(result)), turn
        assert result.action == ("acted" if turn else "stood-aside")
        before = sent(result)
        loop.step(listing(4, turn), "nothing to do here", listing(2, turn))
    told = result.facts
    assert (told["new_pieces"], told["edited_pieces"], told["passes"]) == (3, 38, "minify:38")


@pytest.mark.parametrize("shape", SHAPES)
async def test_the_same_with_the_real_passes(shape, monkeypatch):
    monkeypatch.undo()
    made, loop = compressor(), Loop(shape)
    before = []
    for turn in range(6):
        result = await send(made, loop)
        assert is_prefix(before, sent(result)), turn
        before = sent(result)
        loop.step(listing(4, turn), f"\x1b[31mred {turn}\x1b[0m   \n\n\n\nwords  " * 5)
    assert result.facts["edited_pieces"] == 10


@pytest.mark.parametrize("shape", SHAPES)
async def test_after_a_restart_the_history_goes_through_as_it_is(shape):
    loop = Loop(shape).step(listing()).step(listing(7))
    made = compressor()
    raw = jsonio.dumps(loop.payload())
    result = await send(made, loop, raw=raw)
    assert (result.action, result.label) == ("stood-aside", "unknown-history")
    assert result.upstream.got[0].raw == raw and result.facts["refused"] == "unknown-history:2"
    before = sent(result)
    for turn in range(3):
        result = await send(made, loop.step(listing(6, turn)))
        assert result.label == "compressed" and is_prefix(before, sent(result))
        before = sent(result)
    assert loop.results(before)[:2] == [listing(), listing(7)]
    assert loop.results(before)[2] == SHORT


async def test_a_system_prompt_with_the_time_in_it_makes_no_new_session():
    """Claude Code writes a checksum into it that changes with each request."""
    made, loop = compressor(), Loop("messages")
    before = None
    for turn in range(4):
        payload = {**loop.payload(), "system": f"It is now {turn} o'clock."}
        result = await run(made, exchange(payload, endpoint=SHAPES["messages"]), whole({}))
        assert (result.action == "acted") is (turn > 0)
        assert before is None or is_prefix(before, sent(result))
        before = sent(result)
        loop.step(listing())


@pytest.mark.parametrize("shape", SHAPES)
async def test_new_tools_and_instructions_undo_nothing(shape):
    session = {"x-tailrace-session": "mine"}
    made, loop = compressor(), Loop(shape)
    await send(made, loop, headers=session)
    before = sent(await send(made, loop.step(listing()), headers=session))
    loop.more = {"tools": [{"type": "function", "function": {"name": "late"}}]}
    if shape == "chat":
        loop.messages[0] = {"role": "system", "content": "It is Friday."}
    else:
        loop.more["system" if shape == "messages" else "instructions"] = "It is Friday."
    after = sent(await send(made, loop.step(listing(7)), headers=session))
    assert loop.results(after)[0] == loop.results(before)[0] == SHORT
    assert loop.results(after)[1] != listing(7)


async def test_branches_share_what_they_share():
    made, loop = compressor(), Loop("chat")
    await send(made, loop)
    stem = sent(await send(made, loop.step(listing())))
    one, two = copy.deepcopy(loop), copy.deepcopy(loop)
    one.step(listing(7))
    two.turns = 9
    two.step(listing(8))
    sent_one, sent_two = sent(await send(made, one)), sent(await send(made, two))
    for branch, whole_ in ((one, sent_one), (two, sent_two)):
        assert is_prefix(stem, whole_) and branch.results(whole_)[1] != branch.results()[1]
        assert is_prefix(whole_, sent(await send(made, branch.step(listing(3)))))


async def test_an_edited_history_keeps_what_stands_before_the_change():
    made, loop = compressor(), Loop("chat")
    for turn in range(3):
        await send(made, loop)
        loop.step(listing(6, turn))
    before = sent(await send(made, loop))
    loop.messages[4] = {"role": "assistant", "content": "rewritten by the client"}
    loop.messages[5:6] = []
    after = sent(await send(made, loop))
    assert after[:4] == before[:4]
    assert loop.results(after)[1] != loop.results()[1], "behind the change nothing is cached, so it may be edited"
    assert is_prefix(after, sent(await send(made, loop.step(listing(2)))))


async def test_a_client_that_drops_its_oldest_turns_is_still_edited():
    session = {"x-tailrace-session": "s"}
    made, loop = compressor(), Loop("chat")
    for turn in range(4):
        await send(made, loop, headers=session)
        loop.step(listing(6, turn))
    await send(made, loop, headers=session)
    loop.messages[2:4] = []
    result = await send(made, loop, headers=session)
    assert result.facts["edited_pieces"] == 3


async def test_a_turn_that_skipped_the_plugin():
    made, loop = compressor(), Loop("chat")
    await send(made, loop)
    raw = sent(await send(made, loop.step(listing()), skip=["compress"]))
    result = await send(made, loop.step(listing(7)))
    assert is_prefix(raw, sent(result)), "what was sent as it is stays so"
    assert result.facts["refused"] == "unknown-history:1" and result.facts["edited_pieces"] == 1
    raw = sent(await send(made, loop.step(listing(8)), skip=["compress"]))
    result = await send(made, loop.step(listing(9)))
    assert result.facts["edited_pieces"] == 3, "behind an edit the provider knows nothing else"


@pytest.mark.parametrize("size", [6, 2_000])
async def test_parallel_requests_of_a_session_decide_the_same(size):
    made, loop = compressor(), Loop("chat")
    await send(made, loop)
    loop.step(listing(size), listing(size + 1))
    results = await asyncio.gather(*(send(made, copy.deepcopy(loop)) for _ in range(8)))
    assert len({jsonio.dumps(sent(result)) for result in results}) == 1
    assert is_prefix(sent(results[0]), sent(await send(made, loop.step(listing()))))


async def test_the_first_of_two_requests_decides(monkeypatch):
    """Even where a pass were not deterministic."""
    calls = []

    def moody(piece, switches, count, earlier=()):
        calls.append(1)
        made = minified(piece, switches, count, earlier=())
        return None if made is None else type(made)(f"{len(calls)}{made.text}", made.passes, True)

    made, loop = compressor(), Loop("chat")
    await send(made, loop)
    loop.step(listing(2_000))
    monkeypatch.setattr(module, "compress", moody)
    one, other = await asyncio.gather(send(made, copy.deepcopy(loop)), send(made, copy.deepcopy(loop)))
    assert len(calls) == 2, "both looked at it"
    assert sent(one) == sent(other) and loop.results(sent(one))[0].startswith("1[")


async def test_results_in_one_user_message_beside_words():
    made, loop = compressor(), Loop("messages")
    await send(made, loop)
    loop.step(listing(), [{"type": "text", "text": listing()}, {"type": "image", "source": {"data": "x"}}], "words")
    said = {"type": "text", "text": listing()}
    loop.messages[-1]["content"].append(said)
    message = sent(await send(made, loop))[-1]
    first, second, third, last = message["content"]
    assert (first["content"], second["content"][0]["text"], third["content"]) == (SHORT, SHORT, "words")
    assert second["content"][1] == {"type": "image", "source": {"data": "x"}}
    assert last is said or last == said, "what the user says is left as it is"


async def test_marks_move_and_edits_stay():
    """Claude Code marks the last two user messages in every turn, and makes a list of a text to do so."""
    made, loop = compressor(), Loop("messages")
    before = None
    for turn in range(6):
        payload = copy.deepcopy(loop.payload())
        for message in [m for m in payload["messages"] if m["role"] == "user"][-2:]:
            if isinstance(message["content"], str):
                message["content"] = [{"type": "text", "text": message["content"]}]
            message["content"][-1].update(MARK)
        payload["system"] = [{"type": "text", "text": "You book flights.", **(MARK if turn % 2 else {})}]
        result = await run(made, exchange(payload, endpoint=SHAPES["messages"]), whole({}))
        got = sent(result)
        marks = [message for message in got if "cache_control" in str(message)]
        assert len(marks) == min(2, turn + 1), "each where the client set it"
        texts = loop.results(got)
        assert before is None or texts[: len(before)] == before
        assert not any(text.startswith("[\n") for text in texts), turn
        before = texts
        loop.step(listing(6, turn))


async def test_nothing_moves_before_a_mark_in_a_history_that_is_not_known():
    made, loop = compressor(), Loop("messages").step(listing()).step(listing(7))
    loop.messages[-1]["content"][0].update(MARK)
    first = sent(await send(made, loop))
    assert first == loop.messages
    del loop.messages[-1]["content"][0]["cache_control"]
    loop.step(listing(8))
    loop.messages[-1]["content"][0].update(MARK)
    second = sent(await send(made, loop))
    assert second[:-1] == loop.messages[:-1] and second[-1] != loop.messages[-1]


async def test_tenants_never_share_a_session():
    services, loop = lent(), Loop("chat")
    made = compressor(services=services)
    session = {"x-tailrace-session": "same"}
    await send(made, loop, tenant="a", headers=session)
    await send(made, loop.step(listing()), tenant="a", headers=session)
    other = await send(made, loop, tenant="b", headers=session)
    assert other.label == "unknown-history" and loop.results(sent(other)) == [listing()]
    assert (await send(made, loop, tenant="a", headers=session)).label == "compressed"


async def test_a_full_session_keeps_its_edits_and_makes_no_more(monkeypatch):
    made, loop = compressor({"session_bytes": 2_500}), Loop("chat")
    before, edited = [], []
    for turn in range(12):
        result = await send(made, loop)
        assert is_prefix(before, sent(result)), turn
        before = sent(result)
        edited.append(result.facts["edited_pieces"])
        loop.step(listing(6, turn))
    assert edited[-1] == edited[-2] > 0 and edited == sorted(edited)
    assert result.facts["refused"].startswith("over-budget:")

    def never(piece, switches, count, earlier=()):
        raise AssertionError("looked at in vain")

    monkeypatch.setattr(module, "compress", never)
    result = await send(made, loop)
    assert "failed" not in result.facts["refused"] and result.facts["edited_pieces"] == edited[-1]
    monkeypatch.setattr(module, "compress", minified)
    none = compressor({"session_bytes": 0})
    await send(none, Loop("chat"))
    result = await send(none, Loop("chat").step(listing()))
    assert result.action == "stood-aside" and loop.results(sent(result)) == [listing()]


async def test_without_room_for_all_sessions_it_says_so():
    made, loop = compressor({"memory_bytes": 500}), Loop("chat")
    await send(made, loop)
    result = await send(made, loop.step(listing()))
    assert (result.label, result.facts["refused"]) == ("over-budget", "over-budget:1")


async def test_an_evicted_session_is_like_a_restart():
    services = lent()
    made, loop = compressor(services=services), Loop("chat")
    await send(made, loop)
    await send(made, loop.step(listing()))
    services.clock.advance(4_000)
    result = await send(made, loop.step(listing(7)))
    assert result.label == "unknown-history" and sent(result) == loop.messages


def deep(levels):
    return jsonio.loads(b"[" * levels + b"]" * levels)


HOSTILE = [
    [None, 1, "text", [], {"role": []}],
    [{"role": "tool", "tool_call_id": {}, "content": [None, 1, {"type": []}, {"type": "text", "text": 7}]}],
    [{"role": "user", "content": "x"}, {"role": "tool", "tool_call_id": "?", "content": deep(100)}],
    [{"type": "function_call_output", "call_id": 1, "output": {"text": "x"}}],
    [{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": None}]}]}],
    [{"role": "tool", "content": "[" * 5_000}],
    [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"arguments": deep(90)}}]}, {"role": "tool"}],
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("messages", HOSTILE)
async def test_hostile_payloads_go_through(shape, messages):
    made = compressor()
    raw = jsonio.dumps({"input" if shape == "responses" else "messages": messages, "tools": 5, "system": [None]})
    for _ in range(2):
        result = await run(made, exchange(raw, endpoint=SHAPES[shape]), whole({}))
        assert result.action == "stood-aside" and result.upstream.got[0].raw == raw, result.label


@pytest.mark.parametrize("shape", SHAPES)
async def test_two_megabytes(shape):
    made, loop = compressor({"max_piece_bytes": 1_000_000}), Loop(shape)
    await send(made, loop)
    result = await send(made, loop.step(listing(5_000), "x" * 2_000_000))
    assert result.facts["refused"] == "too-large:1" and result.facts["edited_pieces"] == 1
    before = sent(result)
    assert is_prefix(before, sent(await send(made, loop.step(listing()))))


def naive(shape, messages):
    """Everything but the last five results, made smaller in every turn anew."""
    found = [(index, path, piece) for index, f in locate(shape, messages).items() for path, piece in f]
    edits = {}
    for index, path, piece in found[:-5]:
        edits.setdefault(index, {})[path] = minified(piece, Switches(), len).text
    return replaced(shape, messages, edits)


@pytest.mark.parametrize("shape", SHAPES)
async def test_everything_but_the_last_five_costs_more_than_nothing(shape):
    """Measured on real conversations: 13% dearer with tau-bench, 224% with a coding agent (issue 5)."""
    made, loop = compressor(), Loop(shape)
    alone, all_but_five, ours = Bill(), Bill(), Bill()
    for turn in range(25):
        alone.ask(loop.messages)
        all_but_five.ask(naive(shape, loop.messages))
        ours.ask(sent(await send(made, loop)))
        loop.step(listing(40, turn * 40))
    assert all_but_five.usd > 1.1 * alone.usd
    assert ours.usd < 0.8 * alone.usd
    read = [sum(u.cache_read_tokens for u in b.usages) / sum(u.input_tokens for u in b.usages) for b in (alone, ours)]
    assert read[1] > read[0] - 0.02
