"""Flux texts. Pure: values become literals here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["literal", "probe", "recent_events", "windows"]

# A dollar sign could begin an interpolation; control characters break the text.
_ESCAPES = str.maketrans(
    {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F, ord("$"))}
    | {ord("\\"): r"\\", ord('"'): r"\""}
)
# The first look goes back this far; each further one this many times further.
_FIRST_WINDOW_MINUTES = 1
_WINDOW_GROWTH = 8


def literal(text: str) -> str:
    """Return text as a Flux string literal."""
    return f'"{text.translate(_ESCAPES)}"'


def windows(minutes: int) -> Iterator[int]:
    """Yield how many minutes to look back, from little to all.

    A busy house has enough events in the last minute; asking for a week at once would
    make InfluxDB sort all of it.
    """
    window = _FIRST_WINDOW_MINUTES
    while window < minutes:
        yield window
        window *= _WINDOW_GROWTH
    yield minutes


def recent_events(
    bucket: str, *, entity_id: str | None, minutes: int, limit: int
) -> str:
    """Return the query for the latest events, the newest first.

    `tail` bounds each series before the fields are joined: an event among the latest
    `limit` is among the latest `limit` of each of its fields.
    """
    only = "" if entity_id is None else f" and r.entity_id == {literal(entity_id)}"
    return "\n".join(
        [
            f"from(bucket: {literal(bucket)})",
            f"  |> range(start: -{minutes:d}m, stop: 1d)",
            f'  |> filter(fn: (r) => r._measurement == "state"{only})',
            f"  |> tail(n: {limit:d})",
            '  |> pivot(rowKey: ["_time", "entity_id", "domain"],',
            '      columnKey: ["_field"], valueColumn: "_value")',
            "  |> group()",
            '  |> drop(columns: ["_start", "_stop", "_measurement"])',
            '  |> sort(columns: ["_time"], desc: true)',
            f"  |> limit(n: {limit:d})",
        ]
    )


def probe(bucket: str) -> str:
    """Return a query that reads next to nothing but needs storage and the token."""
    return f"from(bucket: {literal(bucket)}) |> range(start: -1s) |> limit(n: 1)"
