"""Judge from the record and from inspect whether services stay up (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..check import Finding, failed, passed, undecided
from ..events import Event
from ..model import State
from ..verify.container import Inspected
from ..verify.standing import Standing, Stood

LOOP_RESTARTS = 3
"""So many restarts in a row are a loop, not an accident."""
RECENT_SECONDS = 300.0
"""On a live stack, restarts count as a loop while the last is not longer ago."""


def judge_stays_up(
    rows: Sequence[Inspected], stood: Stood, *, owned: bool, now: float
) -> Finding:
    """Judge whether a service neither ended nor is started again and again."""
    restarts = max((row.restart_count for row in rows), default=0)
    for row in rows:
        recent = owned or now - row.started_at < RECENT_SECONDS
        looping = row.state is State.RESTARTING or row.restart_count >= LOOP_RESTARTS
        if looping and recent:
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
