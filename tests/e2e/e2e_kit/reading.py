"""What tests read out of an answer: events, raw answers, error objects."""

import re
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass
class Event:
    """A server-sent event as a client dispatches it."""

    name: str
    data: str

    def json(self) -> Any:
        return orjson.loads(self.data)


def events(body: bytes) -> list[Event]:
    """Events of a stream by the WHATWG rules, read independently of the proxy's own reader."""
    text = body.decode("utf-8-sig")
    found: list[Event] = []
    name, data = "", []
    for line in re.split(r"\r\n|\r|\n", text):
        if not line:
            if data:
                found.append(Event(name, "\n".join(data)))
            name, data = "", []
            continue
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "data":
            data.append(value)
        elif key == "event":
            name = value
    return found


def split_answer(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a raw answer."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split()[1]), headers, body


def is_openai_error(told: Any) -> bool:
    """Whether this is an error object as OpenAI's clients read it."""
    return (
        isinstance(told, dict)
        and isinstance(told.get("error"), dict)
        and {"message", "type", "param", "code"} <= set(told["error"])
        and isinstance(told["error"]["message"], str)
        and isinstance(told["error"]["type"], str)
    )


def is_anthropic_error(told: Any) -> bool:
    """Whether this is an error object as Anthropic's clients read it."""
    return (
        isinstance(told, dict)
        and told.get("type") == "error"
        and isinstance(told.get("error"), dict)
        and isinstance(told["error"].get("type"), str)
        and isinstance(told["error"].get("message"), str)
        and isinstance(told.get("request_id"), str)
    )
