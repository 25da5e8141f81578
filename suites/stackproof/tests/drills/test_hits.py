"""Whether the engine will start again what has ended."""

from __future__ import annotations

import pytest

from stackproof.drills.hits import gave_up
from stackproof.model import State


@pytest.mark.parametrize(
    ("late", "over"),
    [
        ([], False),
        ([State.EXITED], True),
        ([State.RESTARTING], False),
        ([State.EXITED, State.RESTARTING], False),
    ],
    ids=["none is late", "ended for good", "pauses", "one of two pauses"],
)
def test_pause_of_the_engine_is_waited_for(late: list[State], *, over: bool) -> None:
    """The engine pauses longer with each restart and says that it will restart."""
    assert gave_up(late) is over
