"""How a benchmark ends: finished, stopped by a signal, or broken; whatever it started is stopped, too."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from benchkit import machine

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def catch_signals() -> None:
    """Have SIGTERM and SIGHUP end us as Ctrl-C does."""
    for name in _SIGNALS:
        signal.signal(name, _interrupted)


def _interrupted(*_: object) -> None:
    """A second signal does not disturb the tidying up."""
    for name in _SIGNALS:
        signal.signal(name, signal.SIG_IGN)
    raise KeyboardInterrupt


def run(main: Callable[[], int]) -> NoReturn:
    """Run it and leave with its exit code."""
    try:
        code = main()
    except KeyboardInterrupt:
        print("stopped; everything started has been stopped too", file=sys.stderr)
        code = 130
    finally:
        machine.stop_all()
    sys.exit(code)
