"""What the tests of streams share: a source from a list, and ways to read a stream."""

from tailrace.streams import EventSource, Stage, Stream, Tap
from tailrace.testing import chat_text

TEXT = chat_text("Hel", "lo")
WHOLE = b"".join(TEXT)
SPELLINGS = [WHOLE, WHOLE.replace(b"\n", b"\r\n"), WHOLE.replace(b"\n", b"\r"), b"\xef\xbb\xbf: c\n\n" + WHOLE]


class Script(EventSource):
    """A source from a list of pieces; an exception among them is raised."""

    def __init__(self, *pieces, shape="chat", choices=1):
        super().__init__(shape, choices)
        self.pieces = list(pieces)
        self.closed = False

    async def read(self):
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def aclose(self):
        self.closed = True


def at(source, *stages):
    stream = Stream(source)
    for stage in stages:
        stream = stream.with_stage(Stage(wrap=stage) if not isinstance(stage, Tap) else Stage(tap=stage))
    return stream


async def pieces_of(stream):
    return [piece async for piece in stream.open()]


async def until_it_breaks(stream):
    """The pieces, and the error they ended with."""
    pieces = []
    try:
        async for piece in stream.open():
            pieces.append(piece)
    except Exception as error:
        return pieces, error
    return pieces, None


async def same(events):
    async for event in events:
        yield event
