"""Tests of `stackproof.interrupt`."""

from __future__ import annotations

import os
import signal

import pytest

from stackproof.interrupt import interrupted_once


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_interrupts(number: signal.Signals) -> None:
    """The first signal raises KeyboardInterrupt."""
    with interrupted_once(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)


def test_second_signal_is_ignored(capsys: pytest.CaptureFixture[str]) -> None:
    """The second signal only says that the run is being ended."""
    with interrupted_once():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

    assert "already stopping" in capsys.readouterr().err


def test_handlers_are_put_back() -> None:
    """Afterwards the handlers are those from before."""
    before = signal.getsignal(signal.SIGINT)
    with interrupted_once():
        pass

    assert signal.getsignal(signal.SIGINT) == before
