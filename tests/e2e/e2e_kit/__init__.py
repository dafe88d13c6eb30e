"""What the end-to-end tests share: the proxy as a process, a simulated provider in a thread, raw sockets both ways."""

from e2e_kit.client import BODIES, SECRET, Answer, body_for, chat, fresh, raw_answer, raw_exchange, send
from e2e_kit.process import TAILRACE, Serve, Served, clean_env, free_port, proxy_config, serving, start
from e2e_kit.raw import COMPLETION, STREAM_HEAD, RawProvider, RawRequest, Script, chunk, delta, raw_provider, whole
from e2e_kit.reading import Event, events, is_anthropic_error, is_openai_error, split_answer
from e2e_kit.simulation import Sim, sim_thread
from e2e_kit.waiting import until

__all__ = [
    "Answer",
    "BODIES",
    "COMPLETION",
    "Event",
    "RawProvider",
    "RawRequest",
    "SECRET",
    "STREAM_HEAD",
    "Script",
    "Serve",
    "Served",
    "Sim",
    "TAILRACE",
    "body_for",
    "chat",
    "chunk",
    "clean_env",
    "delta",
    "events",
    "free_port",
    "fresh",
    "is_anthropic_error",
    "is_openai_error",
    "proxy_config",
    "raw_answer",
    "raw_exchange",
    "raw_provider",
    "send",
    "serving",
    "sim_thread",
    "split_answer",
    "start",
    "until",
    "whole",
]
