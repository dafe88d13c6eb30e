"""Event streams without hidden calls: each shape has a screen, which is fed the events and gives the client's."""

from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.hidden.stream.chat import PAUSE, ChatScreen
from tailrace_plugins.compress.hidden.stream.messages import MessagesScreen
from tailrace_plugins.compress.hidden.stream.responses import ResponsesScreen
from tailrace_plugins.compress.hidden.stream.screen import Screen

__all__ = ["PAUSE", "Screen", "screen"]


def screen(shape: Shape, names: frozenset[str], *, awake: bool = False) -> Screen:
    """A fresh screen for a client's stream of that shape: chat, responses or messages.

    `awake`: it reads every event from the first on, so that the end of the stream is seen even where nothing is hidden.
    """
    if shape == "responses":
        return ResponsesScreen(names, awake=awake)
    return MessagesScreen(names, awake=awake) if shape == "messages" else ChatScreen(names, awake=awake)
