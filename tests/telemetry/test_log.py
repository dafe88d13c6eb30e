import os
import time

import pytest

from tailrace.telemetry.labels import Labels
from tailrace.telemetry.log import RequestLog, as_json, as_live, line_of, short_tenant
from tailrace.wire import jsonio


def line(ended):
    return line_of(ended.endpoint, ended.exchange, ended.trail, ended.outcome, Labels())


def test_a_line_is_one_json_object(ended):
    text = as_json(line(ended))
    assert "\n" not in text
    told = jsonio.loads_object(text)
    assert told["time"].endswith("Z")
    assert told["request_id"] == ended.trail.request_id
    assert told["state"] == ended.outcome.state


def test_what_it_says(story):
    labels = Labels()
    labels.model("openai", "gpt-4o-mini", answered=True)
    ended = story().plugin("router", "acted", "routed(gpt-4o-mini)").attempt(50, 429, "429").attempt(900).whole()
    ended = ended.end(905)
    told = jsonio.loads_object(as_json(line_of(ended.endpoint, ended.exchange, ended.trail, ended.outcome, labels)))
    assert told.pop("cost_usd") == pytest.approx(22.2e-6)
    assert told == {
        "time": "2026-09-21T14:13:20.000Z",
        "level": "info",
        "request_id": "req_" + "0" * 32,
        "trace_id": f"{0xABC1 << 64:032x}",
        "span_id": f"{0x51:016x}",
        "method": "POST",
        "route": "/v1/chat/completions",
        "status": 200,
        "state": "complete",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "attempts": 2,
        "requested_model": "gpt-4o-mini",
        "stream": False,
        "tenant": "abababab",
        "duration_ms": 905.0,
        "first_chunk_ms": 900.0,
        "overhead_ms": 7.0,
        "input_tokens": 100,
        "output_tokens": 20,
        "cached_tokens": 64,
        "chain": "router=routed(gpt-4o-mini)",
    }


@pytest.mark.parametrize(
    ("kind", "level", "error"),
    [
        ("plain", "info", None),
        ("left", "info", None),
        ("refused", "warning", "invalid_api_key"),
        ("nowhere", "warning", "not_found"),
        ("cut", "error", "cut"),
        ("timeout", "error", "timeout"),
    ],
)
def test_levels(told, kind, level, error):
    made = line(told[kind])
    assert (made["level"], made.get("error_type")) == (level, error)


def test_nothing_a_client_wrote_is_in_it(ended, canaries):
    for text in (as_json(line(ended)), as_live(line(ended))):
        assert not any(canary in text for canary in canaries)


def test_a_pasted_model_or_path_is_not_repeated(story, canaries):
    asked = story(payload={"model": canaries[1]}, path=f"/v1/{canaries[0]}").attempt(9, 404, "404", model=canaries[1])
    text = as_json(line(asked.end(10, status=404, error=canaries[0])))
    assert not any(canary in text for canary in canaries)
    assert '"requested_model":"other"' in text


def test_a_live_line_reads_like_one(told):
    text = as_live(line(told["stream"]))
    for part in (
        "200",
        "POST /v1/chat/completions",
        "openai/gpt-4o-mini",
        "1000 ms (first 200)",
        "100 (64 cached) -> 20",
    ):
        assert part in text
    assert "2 attempts" in as_live(line(told["retry"]))
    assert "client left" in as_live(line(told["left"]))
    assert "(no such path)" in as_live(line(told["nowhere"]))


def test_tenants():
    assert short_tenant("f" * 32) == "ffffffff"
    assert short_tenant("team-a") == "team-a"


def test_lines_are_written_by_another_thread_in_order(story):
    lines = []
    log = RequestLog("json", Labels(), lines.append)
    log.backlog.start()
    for number in range(100):
        story(number=number).attempt(9).whole().end(10).tell(log)
    log.backlog.end()
    log.backlog.join(time.monotonic() + 10)
    assert [jsonio.loads(text)["request_id"] for text in lines] == [f"req_{number:032x}" for number in range(100)]


def test_a_reader_that_stops_reading_holds_up_nothing_but_the_lines(told, monkeypatch):
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as blocked:
        monkeypatch.setattr("sys.stderr", blocked)
        log = RequestLog("json", Labels())
        log.backlog.start()
        for _ in range(20_000):
            told["plain"].tell(log)
        assert len(log.backlog) + log.backlog.dropped > 10_000
        assert log.backlog.dropped > 0
        log.backlog.end()
        log.backlog.join(time.monotonic())
        assert len(log.backlog) == 0
        os.close(reader)
        log.backlog._thread.join(10)


def test_a_line_reaches_standard_error(told, capfd):
    log = RequestLog("json", Labels())
    log.backlog.start()
    told["plain"].tell(log)
    log.backlog.end()
    log.backlog.join(time.monotonic() + 10)
    [text] = capfd.readouterr().err.splitlines()
    assert jsonio.loads_object(text)["status"] == 200


def test_a_stderr_without_a_descriptor_is_written_to_all_the_same(told, capsys):
    log = RequestLog("live", Labels())
    log.backlog.start()
    told["plain"].tell(log)
    log.backlog.end()
    log.backlog.join(time.monotonic() + 10)
    assert "POST /v1/chat/completions" in capsys.readouterr().err
