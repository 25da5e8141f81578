"""Give a Home Assistant a past that its recorder knows, to ask history about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from stackproof import wait_until

from .conversation import Conversation, Speaker
from .transcript import Notation, shifted, to_seconds

_Change = Mapping[str, Any] | None
"""What is posted to `/api/states/<entity>`; None removes the entity."""

_ALL_KINDS: Final[Sequence[_Change]] = (
    {"state": "1", "attributes": {"unit": "W"}},
    {"state": "2", "attributes": {"unit": "W"}},
    {"state": "2", "attributes": {"unit": "W", "more": "ü"}},
    {"state": "2", "attributes": {"unit": "W", "more": "ü"}, "force_update": True},
    {"state": "3"},
    None,
    {"state": "4"},
)
_LARGE: Final = "x" * 17_000
_NEVER_RECORDED: Final = {
    "attribution": "a",
    "restored": True,
    "supported_features": 1,
}

EDGE: Final = "sensor.fidelity_edge"
"""Its changes are only there so that one of them is at a whole microsecond."""
_EDGE_CHANGES: Final = 60

PAST: Final[Mapping[str, Sequence[_Change]]] = {
    "sensor.fidelity_history": _ALL_KINDS,
    "sensor.fidelity_stream": _ALL_KINDS,
    "sensor.fidelity_b": _ALL_KINDS[:3],
    "device_tracker.fidelity_c": _ALL_KINDS[:3],
    "sensor.fidelity_a": _ALL_KINDS[:3],
    "sensor.fidelity_large": (
        {"state": "1", "attributes": {"k": _LARGE}},
        {"state": "2", "attributes": {**_NEVER_RECORDED, "k": "ü"}},
    ),
    EDGE: [{"state": "1", "force_update": True}] * _EDGE_CHANGES,
}
"""The changes of each entity, oldest first; each of them makes a row."""

_COMMIT_SECONDS: Final = 15.0


def live_through(speaker: Speaker) -> dict[str, list[str]]:
    """Make the changes of `PAST`; return when each of them happened."""
    times: dict[str, list[str]] = {}
    with Conversation(speaker, Notation(own="")) as talk:
        talk.sign_in()
        talk.ask({"id": 1, "type": "subscribe_events", "event_type": "state_changed"})
        for entity_id, changes in PAST.items():
            path = f"/api/states/{entity_id}"
            times[entity_id] = []
            for change in changes:
                talk.rest("DELETE" if change is None else "POST", path, change)
                times[entity_id].append(talk.hear()["event"]["time_fired"])
    return times


def remember(speaker: Speaker, times: Mapping[str, Sequence[str]]) -> Speaker:
    """Wait until the recorder has committed what `live_through` made.

    Of `EDGE`, three times remain: one that the recorder holds exactly, between its
    neighbours. It keeps seconds as binary fractions, and the others lie up to half a
    microsecond beside what events and requests can say, on either side.

    Raises:
        WaitTimeout: it has not, well after its commit interval.
    """
    with Conversation(speaker, Notation(own="")) as talk:
        talk.sign_in()

        def look() -> dict[str, list[dict[str, Any]]]:
            first = min(stamp for stamps in times.values() for stamp in stamps)
            request = {
                "type": "history/history_during_period",
                "start_time": shifted(first, -1),
                "entity_ids": list(times),
                "include_start_time_state": False,
                "significant_changes_only": False,
            }
            found: dict[str, list[dict[str, Any]]]
            found = talk.ask({"id": len(talk.lines), **request})["result"]
            return found

        def all_committed(found: dict[str, list[dict[str, Any]]]) -> bool:
            return {name: len(rows) for name, rows in found.items()} == {
                name: len(stamps) for name, stamps in times.items()
            }

        rows = wait_until(look, all_committed, timeout=_COMMIT_SECONDS, every=0.25)
    exact = next(
        place
        for place in range(1, _EDGE_CHANGES - 1)
        if rows[EDGE][place]["lu"] == to_seconds(times[EDGE][place])
    )
    edge = times[EDGE][exact - 1 : exact + 2]
    return replace(speaker, past={**times, EDGE: edge})
