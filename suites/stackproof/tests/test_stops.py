"""How a container ended is read from the record."""

from __future__ import annotations

import pytest

from stackproof.events import Event
from stackproof.stops import stops


def event(seconds: float, action: str, number: int | None = None) -> Event:
    """Return an event of the one container."""
    return Event(
        time_ns=int(seconds * 1e9),
        service="web",
        container="abc",
        action=action,
        exit_code=number if action == "die" else None,
        signal=number if action == "kill" else None,
    )


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        (
            [event(0, "start"), event(5, "kill", 15), event(6.5, "die", 0)],
            "web ended by signal 15 in 1.500 s, exit code 0",
        ),
        (
            [
                event(0, "start"),
                event(5, "kill", 15),
                event(15, "kill", 9),
                event(15.25, "die", 137),
            ],
            "web ended by signal 15 in 10.250 s, exit code 137, forced with SIGKILL",
        ),
        (
            [event(0, "start"), event(5, "kill", 9), event(5.5, "die", 137)],
            "web ended by signal 9 in 0.500 s, exit code 137",
        ),
        (
            [event(0, "start"), event(5, "die", 1)],
            "web ended by itself, exit code 1",
        ),
    ],
    ids=["gentle", "forced", "killed", "crashed"],
)
def test_end_is_described(events: list[Event], sentence: str) -> None:
    """Signal, time, exit code and force are told apart."""
    (stop,) = stops(events)

    assert str(stop) == sentence


def test_signals_of_an_earlier_life_do_not_count() -> None:
    """A new start forgets the signals before it."""
    first, second = stops(
        [
            event(0, "start"),
            event(1, "kill", 15),
            event(2, "die", 0),
            event(3, "start"),
            event(4, "die", 7),
        ]
    )

    assert first.signal == 15
    assert (second.signal, second.exit_code) == (None, 7)


def test_only_ends_after_a_stamp_are_reported() -> None:
    """An earlier end can be passed over, in whatever order events are given."""
    events = [event(4, "die", 7), event(3, "start"), event(2, "die", 0)]

    assert [stop.exit_code for stop in stops(events, after_ns=2_000_000_000)] == [7]
