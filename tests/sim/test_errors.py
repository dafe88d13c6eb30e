import orjson
import pytest

from tailrace.sim.errors import Refusal, error_body, error_script
from tailrace.sim.script import Shape

REFUSAL = Refusal(429, "Slow down", type="requests", code="rate_limit_exceeded", headers=(("retry-after", "1"),))


@pytest.mark.parametrize("shape", [Shape.OPENAI, Shape.RESPONSES])
def test_openai(shape):
    expected = {"message": "Slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    assert error_body(REFUSAL, shape) == {"error": expected}


def test_anthropic():
    made = error_body(REFUSAL, Shape.ANTHROPIC)
    assert made["error"] == {"type": "rate_limit_error", "message": "Slow down"}


def test_a_refusal_keeps_its_status_and_headers():
    script = error_script(REFUSAL, Shape.OPENAI)
    assert script.status == 429
    assert ("retry-after", "1") in script.headers
    assert orjson.loads(next(iter(script.steps)).data)["error"]["code"] == "rate_limit_exceeded"
