import pytest
from stream_kit import TEXT, Script, pieces_of, until_it_breaks

from tailrace.errors import TailraceError
from tailrace.streams import Stage, Stream


@pytest.mark.parametrize("fails", [True, False])
async def test_a_guards_wrap_fails_closed(fails):
    async def guard(events):
        async for event in events:
            yield event
            if fails:
                raise KeyError("defect")
            return

    stream = Stream(Script(*TEXT)).with_stage(Stage(wrap=guard)).strict_from(0)
    pieces, error = await until_it_breaks(stream)
    assert pieces == [TEXT[0]]
    assert isinstance(error, TailraceError) and error.code == "plugin_failed"


async def test_what_is_below_a_guard_is_not_strict():
    async def fails(events):
        raise KeyError("defect")
        yield

    stream = Stream(Script(*TEXT)).with_stage(Stage(wrap=fails)).strict_from(1)
    assert await pieces_of(stream) == TEXT
