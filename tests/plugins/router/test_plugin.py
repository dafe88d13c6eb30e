import pytest
from router_kit import TIERS, Book, answer, asking, lent, router

from tailrace.abilities import Abilities
from tailrace.errors import NotFound, TailraceError, UpstreamError
from tailrace.testing import exchange, failing, run, whole
from tailrace.testing.clock import ManualClock
from tailrace.wire.endpoints import COMPLETIONS, COUNT_TOKENS, EMBEDDINGS, MESSAGES, RESPONSES

LARGE_PROMPT = "word " * 4000


def sent(result):
    """The models that were asked."""
    return [one.model for one in result.upstream.got]


async def ask(plugin, payload=None, *answers, **more):
    made = exchange(payload if payload is not None else asking(), **more)
    return await run(plugin, made, *(answers or (whole(answer()),)))


@pytest.mark.parametrize(("tier", "model"), TIERS.items())
async def test_each_tier_has_its_model(tier, model):
    result = await ask(router(tier))
    assert sent(result) == [model]
    assert (result.action, result.label) == ("acted", f"routed({model})")
    assert result.reply.headers["x-tailrace-tier"] == tier
    facts = result.facts
    assert (facts["route.tier"], facts["route.model"], facts["route.reason"]) == (tier, model, "first-turn")
    assert (facts["default"], facts["score"], facts["scored_by"]) == ("large", 0.5, "rules")
    assert facts["why"].startswith(f"{tier}: as told; ")


async def test_a_request_that_names_its_model_is_let_through_as_it_is():
    raw = b'{"model":  "small", "messages": [{"role": "user", "content": "hi"}]}'
    result = await run(router("expert"), exchange(raw), whole(answer()))
    assert (result.action, result.label) == ("stood-aside", "not-routed")
    assert result.upstream.got[0].body() == raw
    assert "x-tailrace-tier" not in result.reply.headers


async def test_auto_is_routed_without_a_models_section_and_only_then_by_that_name():
    assert sent(await ask(router("simple", services=lent(Book(names=(), routed={}))))) == ["small"]
    other = Book(names=("auto", "small", "large"), routed={})
    assert (await ask(router("simple", services=lent(other)))).label == "not-routed"


async def test_without_tiers_it_stands_aside():
    made = router("simple", settings={"tiers": {}}, services=lent(Book(names=(), routed={}, provider="mine")))
    result = await ask(made)
    assert (result.label, sent(result)) == ("no-tiers", ["auto"])


@pytest.mark.parametrize("given", ["expert", "Expert", " expert "])
async def test_the_client_may_name_the_tier(given):
    result = await ask(router("trivial"), headers={"x-tailrace-tier": given})
    assert (sent(result), result.facts["route.reason"]) == (["huge"], "forced")
    named = await ask(router("trivial"), asking(model="small"), headers={"x-tailrace-tier": given})
    assert sent(named) == ["huge"], "whatever model it names"


async def test_a_tier_that_there_is_not_is_refused_with_the_nearest():
    result = await ask(router("trivial"), headers={"x-tailrace-tier": "exprt"})
    assert isinstance(result.error, TailraceError) and result.error.status == 400
    assert "did you mean 'expert'" in result.error.message and sent(result) == []


async def test_a_session_keeps_its_model_and_moves_up_at_once():
    made = router("simple", "trivial", "complex", "moderate")
    billed = whole(answer(prompt_tokens=5000))
    seen = [await ask(made, asking(LARGE_PROMPT), billed, headers={"x-tailrace-session": "s"}) for _ in range(4)]
    assert [sent(one)[0] for one in seen] == ["small", "small", "large", "large"]
    assert [one.facts["route.reason"] for one in seen] == ["first-turn", "held", "harder", "held"]


async def test_without_stickiness_every_request_is_routed_by_itself():
    made = router("expert", "trivial", settings={"sticky": False})
    seen = [await ask(made, headers={"x-tailrace-session": "s"}) for _ in range(2)]
    assert [sent(one)[0] for one in seen] == ["huge", "small"]


async def test_two_tenants_never_share_a_session():
    made = router("expert", "trivial")
    first = await ask(made, headers={"x-tailrace-session": "s"}, tenant="a")
    other = await ask(made, headers={"x-tailrace-session": "s"}, tenant="b")
    assert (sent(first), sent(other)) == (["huge"], ["small"])
    assert other.facts["route.reason"] == "first-turn"


async def test_a_session_that_fails_is_lifted():
    failing_loop = [
        {"role": "user", "content": "fix the tests"},
        *(
            {"role": role, **more}
            for number in range(3)
            for role, more in (
                (
                    "assistant",
                    {
                        "tool_calls": [
                            {"id": f"c{number}", "type": "function", "function": {"name": "run", "arguments": "{}"}}
                        ]
                    },
                ),
                ("tool", {"tool_call_id": f"c{number}", "content": "Traceback (most recent call last): ..."}),
            )
        ),
    ]
    made = router("simple")
    headers = {"x-tailrace-session": "s"}
    await ask(made, {"model": "auto", "messages": failing_loop[:1]}, headers=headers)
    lifted = await ask(made, {"model": "auto", "messages": failing_loop}, headers=headers)
    assert (sent(lifted), lifted.facts["route.reason"]) == (["middle"], "failing")
    assert "repeated-calls" in lifted.facts["signs"]
    again = await ask(made, {"model": "auto", "messages": failing_loop}, headers=headers)
    assert (sent(again), again.facts["route.reason"]) == (["middle"], "held"), "the same evidence never counts twice"


async def test_a_model_that_cannot_is_passed_over():
    blind = Book(abilities={"small": Abilities(vision=False, context_tokens=128_000)})
    parts = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": "http://h/a.png"}}]
    result = await ask(router("trivial", services=lent(blind)), asking(parts))
    assert (sent(result), result.facts["route.reason"]) == (["middle"], "ability")
    assert "small (reads no images)" in result.facts["why"]


async def test_where_none_can_the_default_is_asked():
    none = Abilities(vision=False)
    book = Book(abilities=dict.fromkeys(("small", "middle", "large", "huge"), none))
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "http://h/a.png"}}]
    result = await ask(router("trivial", services=lent(book)), asking(parts))
    assert (result.label, sent(result)) == ("no-target", ["large"])


@pytest.mark.parametrize("status", [400, 404, 429, 503])
async def test_where_the_chosen_model_fails_the_default_is_asked(status):
    made = router("simple")
    error = UpstreamError("no", status=status)
    result = await ask(made, None, failing(error), whole(answer("large")))
    assert (result.status, sent(result)) == (200, ["small", "large"])
    assert (result.facts["refused_by"], result.facts["route.model"]) == ("small", "large")
    assert result.label == "routed(large)"


async def test_where_both_fail_the_client_hears_of_the_default():
    result = await ask(router("simple"), None, failing(NotFound("small")), failing(UpstreamError("large", status=500)))
    assert result.error.message == "large" and sent(result) == ["small", "large"]


async def test_where_the_default_itself_was_chosen_its_error_is_the_clients():
    result = await ask(router("complex"), None, failing(UpstreamError("no", status=503)))
    assert result.error.status == 503 and sent(result) == ["large"]


GONE = NotFound("gone", code="model_not_found")


async def test_a_model_that_is_not_there_is_left_out_for_a_minute():
    clock = ManualClock()
    made = router("simple", services=lent(clock=clock))
    await ask(made, None, failing(GONE), whole(answer("large")))
    assert sent(await ask(made, headers={"x-tailrace-session": "2"})) == ["middle"]
    clock.advance(61)
    assert sent(await ask(made, headers={"x-tailrace-session": "3"})) == ["small"]


@pytest.mark.parametrize(
    "error",
    [
        UpstreamError("no", status=401),
        UpstreamError("no", status=403),
        NotFound("no such file", code="file_not_found"),
        NotFound("?"),
        UpstreamError("no", status=400),
        UpstreamError("no", status=503),
    ],
)
async def test_what_may_be_the_clients_own_fault_switches_no_model_off(error):
    made = router("simple")
    await ask(made, None, failing(error), whole(answer("large")))
    assert sent(await ask(made, headers={"x-tailrace-session": "2"})) == ["small"]


async def test_no_tenant_switches_a_model_off_for_another():
    made = router("simple")
    await ask(made, None, failing(GONE), whole(answer("large")), tenant="a")
    assert sent(await ask(made, tenant="b")) == ["small"]
    elsewhere = {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    assert sent(await ask(made, elsewhere, endpoint=MESSAGES, tenant="a")) == ["small"], "nor on another endpoint"


async def test_tiers_of_one_model_keep_their_own_limits():
    tiers = {"simple": {"model": "large", "max_tokens": 200}, "expert": {"model": "large", "max_tokens": 9000}}
    made = router("trivial", "expert", settings={"tiers": tiers, "sticky": False})
    limits = [(await ask(made)).upstream.got[0].payload["max_completion_tokens"] for _ in range(2)]
    assert limits == [200, 9000]


async def test_what_the_tier_changed_is_taken_back_where_its_model_refuses_it():
    tiers = {"complex": {"model": "large", "temperature": 0.2}}
    made = router("complex", settings={"tiers": tiers})
    result = await ask(made, None, failing(UpstreamError("no", status=400)), whole(answer("large")))
    assert (result.status, sent(result)) == (200, ["large", "large"])
    assert [one.payload.get("temperature") for one in result.upstream.got] == [0.2, None]


async def test_a_model_that_refused_a_sessions_parameters_is_not_asked_again_each_turn():
    made = router("simple")
    headers = {"x-tailrace-session": "s"}
    await ask(made, None, failing(UpstreamError("no", status=400)), whole(answer("large")), headers=headers)
    assert sent(await ask(made, headers=headers)) == ["large"]


async def test_the_tier_that_is_told_is_that_of_the_answer():
    result = await ask(router("simple"), None, failing(UpstreamError("no", status=503)), whole(answer("large")))
    assert (result.reply.headers["x-tailrace-tier"], result.facts["route.tier"]) == ("complex", "complex")


async def test_counting_tokens_of_auto_counts_those_of_the_default():
    result = await ask(router("simple"), asking(), endpoint=COUNT_TOKENS)
    assert (sent(result), result.label) == (["large"], "counts-only")


async def test_what_cannot_be_read_is_asked_once_even_where_the_provider_refuses_it():
    result = await ask(
        router("simple"), {"model": "auto", "input": "go on", "conversation": "c"}, failing(GONE), endpoint=RESPONSES
    )
    assert (result.label, sent(result)) == ("unread", ["large"]) and result.error.status == 404


async def test_bare_prompts_are_no_session():
    made = router("expert", "simple")
    first = await ask(made, {"model": "auto", "prompt": "prove it"}, endpoint=COMPLETIONS)
    second = await ask(made, {"model": "auto", "prompt": "hi"}, endpoint=COMPLETIONS)
    assert (sent(first), sent(second)) == (["huge"], ["small"])


async def test_the_request_is_fitted_to_its_model():
    book = Book(abilities={"huge": Abilities(sampling=False, context_tokens=128_000)})
    made = router(
        "expert", settings={"tiers": {**TIERS, "expert": {"model": "huge", "max_tokens": 64}}}, services=lent(book)
    )
    result = await ask(made, asking(temperature=0.4, unknown_field=[1]))
    payload = result.upstream.got[0].payload
    assert "temperature" not in payload and payload["max_completion_tokens"] == 64
    assert payload["unknown_field"] == [1]


async def test_what_cannot_be_judged_goes_to_the_default():
    class Broken:
        def features(self, conversation):
            raise RecursionError

    made = router("simple")
    made._judge = Broken()
    result = await ask(made)
    assert (result.label, sent(result), result.status) == ("undecided", ["large"], 200)


@pytest.mark.parametrize(
    "payload",
    [
        {"model": "auto"},
        {"model": "auto", "messages": []},
        {"model": "auto", "messages": "hello"},
        {"model": "auto", "messages": [None, 3, {"role": "user"}, {"role": 7, "content": [[]]}]},
        {"model": "auto", "messages": [{}]},
    ],
)
async def test_what_is_no_conversation_is_the_providers_to_refuse(payload):
    result = await ask(router(), payload)
    assert result.status == 200 and sent(result) in (["large"], ["small"])


@pytest.mark.parametrize(
    ("asked", "tier", "model"),
    [
        ("large", "simple", "small"),
        ("large", "expert", "large"),
        ("middle", "complex", "middle"),
        ("small", "expert", "small"),
    ],
)
async def test_listed_models_get_that_one_or_a_cheaper_one(asked, tier, model):
    result = await ask(router(tier, settings={"act_on": "listed"}), asking(model=asked))
    assert sent(result) == [model]


async def test_speed_takes_the_fastest_that_is_not_dearer_than_the_default():
    rates = {"small": 50.0, "middle": 90.0, "large": 40.0, "huge": 500.0}
    book = Book(abilities={name: Abilities(tokens_per_s=rate, context_tokens=128_000) for name, rate in rates.items()})
    made = router("simple", settings={"prefer": "speed"}, services=lent(book))
    assert sent(await ask(made)) == ["middle"]


async def test_the_vector_of_the_semantic_cache_is_used():
    made = router("simple", settings={"mode": "learned"})
    given = exchange(asking("How?"))
    given.embedded("How?", b"vector")
    await run(made, given, whole(answer()))
    await ask(made, asking("Other?"))
    assert made._judge.vectors == [b"vector", None]


async def test_other_endpoints():
    anthropic = {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    result = await ask(router("simple"), anthropic, endpoint=MESSAGES)
    assert sent(result) == ["small"]
    assert EMBEDDINGS.kind not in router("simple").endpoints


def response(id_):
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]}
    usage = {"input_tokens": 10, "output_tokens": 5}
    return {"id": id_, "object": "response", "status": "completed", "output": [message], "usage": usage}


async def test_a_conversation_that_the_provider_keeps_is_known_by_its_last_answer():
    made = router("complex", "trivial")
    first = await ask(made, {"model": "auto", "input": "hard"}, whole(response("resp_1")), endpoint=RESPONSES)
    going_on = {"model": "auto", "input": "ok", "previous_response_id": "resp_1"}
    second = await ask(made, going_on, whole(response("resp_2")), endpoint=RESPONSES)
    assert (sent(first), sent(second)) == (["large"], ["small"])
    assert second.facts["route.reason"] == "cheaper-after-rewrite", "so it was known"
    foreign = await ask(made, going_on, whole(response("resp_3")), endpoint=RESPONSES, tenant="other")
    assert (foreign.label, sent(foreign)) == ("unread", ["large"])


async def test_a_cascade_begins_at_the_lowest_rung_and_ends_at_the_tiers_own():
    made = router("complex", settings={"cascade": {"enabled": True}})
    good = await ask(made, None, whole(answer("small", "Paris is the capital of France.")))
    assert (sent(good), good.label, good.facts["accepted"]) == (["small"], "routed(small)", True)
    assert good.facts["route.model"] == "small" and good.facts["confidence"] >= 0.7
    doubtful = await ask(
        made,
        asking("other"),
        whole(answer("small", "I'm sorry, but I can't help with that.")),
        whole(answer("large", "It is so.")),
    )
    assert (sent(doubtful), doubtful.label, doubtful.facts["accepted"]) == (["small", "large"], "routed(large)", False)
    assert doubtful.text == "It is so."
    assert doubtful.outcome.dropped, "the cheap answer was billed all the same"


async def test_an_accepted_answer_keeps_the_session_with_the_cheap_model():
    made = router("complex", "trivial", settings={"cascade": {"enabled": True}})
    headers = {"x-tailrace-session": "s"}
    await ask(made, None, whole(answer("small", "Fine.")), headers=headers)
    second = await ask(made, None, whole(answer("small", "Fine.")), headers=headers)
    assert (sent(second), second.facts["route.reason"]) == (["small"], "held")


@pytest.mark.parametrize("headers", [{"x-tailrace-tier": "complex"}])
async def test_no_cascade_where_the_client_named_the_tier(headers):
    made = router("complex", settings={"cascade": {"enabled": True}})
    assert sent(await ask(made, headers=headers)) == ["large"]


async def test_no_cascade_at_the_lowest_rung():
    made = router("simple", settings={"cascade": {"enabled": True}})
    result = await ask(made, None, whole(answer("small", "I'm sorry, but I can't help with that.")))
    assert sent(result) == ["small"] and "accepted" not in result.facts
