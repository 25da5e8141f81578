"""Let one interruption end a run, and no second one spoil its clean-up."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interrupted_once() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into KeyboardInterrupt; ignore the others.

    A test runner passes Ctrl-C on to its child, which the terminal has told already:
    the second one would cut off what removes the containers. For the main thread only.
    """
    heard = False

    def once(number: int, _frame: FrameType | None) -> None:
        nonlocal heard
        if heard:
            sys.stderr.write("already stopping: removing what this run started\n")
            return
        heard = True
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.signal(number, once) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
