"""What websocket-ingestion does with each frame before it is on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from websocket_ingestion.frames import inspect

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("events", [1, 10, 100])
def test_decode(
    timed: Callable[..., Any], make_frame: Callable[..., bytes], events: int
) -> None:
    """Count the events of a frame, and find their times and entities."""
    content = timed(inspect, make_frame(events), events=events)

    assert content.events == events
    assert len(content.entity_ids) == events


def test_decode_of_a_mixed_frame(
    timed: Callable[..., Any], make_frame: Callable[..., bytes]
) -> None:
    """A frame that also holds an answer is cut message by message."""
    frame = b'[{"id":7,"type":"pong"},' + make_frame(100)[1:]

    content = timed(inspect, frame, events=100)

    assert (content.events, len(content.control)) == (100, 1)
