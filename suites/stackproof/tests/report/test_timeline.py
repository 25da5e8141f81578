"""The start is drawn from the events."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.events import Event
from stackproof.report.timeline import draw_start


@pytest.fixture
def services(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The report's services."""
    found: list[dict[str, Any]] = document["services"]
    return found


def test_rows_follow_the_start(
    events: tuple[Event, ...], services: list[dict[str, Any]]
) -> None:
    """Who started first stands at the top."""
    drawing = draw_start(events, services, until_ns=None)

    assert drawing is not None
    assert [row.text for row in drawing.rows] == ["store", "setup", "web"]
    assert drawing.seconds == pytest.approx(4.2)


def test_stretches_and_marks(
    events: tuple[Event, ...], services: list[dict[str, Any]]
) -> None:
    """Waiting, starting and healthy follow each other; the stop is not drawn."""
    drawing = draw_start(events, services, until_ns=None)

    assert drawing is not None
    assert [bar.title for bar in drawing.bars] == [
        "store waiting from 0.0 s to 1.0 s",
        "store starting from 1.0 s to 3.0 s",
        "store healthy from 3.0 s to 4.2 s",
        "setup waiting from 0.1 s to 3.2 s",
        "setup started from 3.2 s to 4.0 s",
        "web waiting from 0.2 s to 4.2 s",
        "web started from 4.2 s to 4.2 s",
    ]
    assert [(mark.kind, mark.title) for mark in drawing.marks] == [
        ("healthy", "store healthy at 3.0 s"),
        ("done", "setup ended with 0 at 4.0 s"),
    ]


def test_edges_show_who_waited(
    events: tuple[Event, ...], services: list[dict[str, Any]]
) -> None:
    """Each edge runs from the moment that was awaited to the start."""
    drawing = draw_start(events, services, until_ns=None)

    assert drawing is not None
    assert [edge.title.partition(":")[0] for edge in drawing.edges] == [
        "setup waits for store (service_healthy)",
        "web waits for setup (service_completed_successfully)",
        "web waits for store (service_started)",
    ]
    assert "waited 4.0 s" in drawing.edges[1].title


def test_start_ends_when_it_is_said_to(
    events: tuple[Event, ...], services: list[dict[str, Any]]
) -> None:
    """What came after the start is another story."""
    drawing = draw_start(events, services, until_ns=events[4].time_ns)

    assert drawing is not None
    assert drawing.seconds == pytest.approx(3.0)


def test_nothing_to_draw(services: list[dict[str, Any]]) -> None:
    """A live stack has no record of its start."""
    assert draw_start((), services, until_ns=None) is None
