"""Judge from the record and from inspect whether services stay up (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..check import Finding, failed, passed, undecided
from ..events import Event
from ..model import State
from ..verify.container import Inspected
from ..verify.standing import STEADY_SECONDS, Standing, Stood

LOOP_RESTARTS = 3
"""So many restarts in a row are a loop, not an accident."""
OUTLASTS = 2.0
"""A run this many times longer than each before shows that a loop is over."""
RECENT_SECONDS = 300.0
"""On a live stack, restarts count as a loop while the last is not longer ago."""


def judge_stays_up(
    rows: Sequence[Inspected],
    stood: Stood,
    *,
    now: float,
    events: Iterable[Event] | None = None,
) -> Finding:
    """Judge whether a service neither ended nor is started again and again.

    Args:
        rows: its containers.
        stood: how it stands.
        now: seconds since 1970.
        events: the record since before the first start; None on a live stack.
    """
    runs = None if events is None else ended_runs(events)
    restarts = max((row.restart_count for row in rows), default=0)
    for row in rows:
        if loops(row, None if runs is None else runs.get(row.id, ()), now=now):
            return failed(
                f"started again {row.restart_count} times, last exit code "
                f"{row.exit_code}",
                "The service is in a restart loop: read its log for the reason why it "
                "ends, and fix that.",
                restarts=row.restart_count,
                exit_code=row.exit_code,
            )
    if stood.standing is Standing.ENDED:
        return failed(
            stood.reason,
            "The service is meant to stay and has ended: read its log; if it is meant "
            "to end, let it end with 0 and wait for it with "
            "`service_completed_successfully`.",
            restarts=restarts,
        )
    if stood.standing is Standing.ABSENT:
        return undecided(f"it was never started: {stood.reason}", stood.reason)
    return passed(stood.reason, restarts=restarts)


def loops(row: Inspected, runs: Sequence[float] | None, *, now: float) -> bool:
    """Tell whether a container is started again and again.

    A service that tried until what it needs was there has come up all the same: that
    shows when it outlasts its earlier runs, or, on a live stack, has run for long.

    Args:
        row: the container.
        runs: seconds of its runs that are over; None where nobody has recorded them.
        now: seconds since 1970.
    """
    since = now - row.started_at
    if runs is None and since >= RECENT_SECONDS:
        return False
    if row.state is State.RESTARTING:
        return True
    if row.restart_count < LOOP_RESTARTS:
        return False
    outlasted = OUTLASTS * max(runs or (), default=since)
    return not (row.running and since >= max(outlasted, STEADY_SECONDS))


def ended_runs(events: Iterable[Event]) -> dict[str, list[float]]:
    """Return container to the seconds of each run that is over, from the record."""
    begun: dict[str, int] = {}
    runs: dict[str, list[float]] = {}
    for event in events:
        if event.action == "start":
            begun[event.container] = event.time_ns
        elif event.action == "die" and event.container in begun:
            seconds = (event.time_ns - begun.pop(event.container)) / 1e9
            runs.setdefault(event.container, []).append(seconds)
    return runs


def judge_no_restart(rows: Sequence[Inspected]) -> Finding:
    """Judge whether a service came up at the first attempt."""
    restarts = max((row.restart_count for row in rows), default=0)
    if not rows or all(row.state is State.CREATED for row in rows):
        return undecided("it was never started")
    if restarts:
        return failed(
            f"started again {restarts} times",
            "It ended and was started again by its restart policy. Let it wait for "
            "what it needs (`depends_on` with `service_healthy`), or try again itself.",
            restarts=restarts,
        )
    return passed("never started again", restarts=0)


def judge_one_shot(
    rows: Sequence[Inspected], events: Iterable[Event], *, policy: str
) -> Finding:
    """Judge whether a one-shot service ended with 0 and was not run again after that.

    Attempts that failed may be repeated where the restart policy says so.
    """
    if not rows or any(row.state is State.CREATED for row in rows):
        return undecided("it was never started")
    if policy in {"always", "unless-stopped"}:
        return failed(
            f"restart: {policy}",
            "It is to end, and the engine starts it again whenever it does: use "
            '`restart: "no"` or `on-failure`.',
        )
    again = _runs_after_success(events)
    if again:
        return failed(
            f"run {again} times more after it had ended with 0",
            "A one-shot must run once: something starts it again.",
            runs_after_success=again,
        )
    for row in rows:
        if row.state in {State.EXITED, State.DEAD} and row.exit_code:
            return failed(
                f"exit code {row.exit_code}",
                "The one-shot failed, so nothing that waits for its success can start: "
                "read its log.",
                exit_code=row.exit_code,
                restarts=row.restart_count,
            )
    if any(row.state is State.RESTARTING for row in rows):
        return failed("is being restarted", "The one-shot fails again and again.")
    if any(row.state is not State.EXITED for row in rows):
        return undecided("it has not ended yet; wait longer or look again later")
    restarts = max(row.restart_count for row in rows)
    return passed("ended with 0, once", restarts=restarts)


def _runs_after_success(events: Iterable[Event]) -> int:
    succeeded: set[str] = set()
    again = 0
    for event in events:
        if event.action == "die" and event.exit_code == 0:
            succeeded.add(event.container)
        elif event.action == "start" and event.container in succeeded:
            again += 1
    return again
