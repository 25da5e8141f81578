"""Judge what the drills of ORDER recorded (pure)."""

from __future__ import annotations

from collections.abc import Iterable

from ..check import Finding, failed, passed, undecided
from ..drills.dependents import Restarted
from ..drills.layers import Needs, all_needs
from ..drills.returning import Return
from ..events import Event
from ..model import Dependency
from ..order import Reason, broken_edge, stop_seconds_apart


def start_after(events: Iterable[Event], dependent: str, edge: Dependency) -> Finding:
    """Judge one edge from the record of the start."""
    record = tuple(events)
    broken = broken_edge(record, dependent, edge)
    started = any(e.service == dependent and e.action == "start" for e in record)
    if broken is None:
        if not any(e.service == edge.service for e in record):
            return passed(f"{edge.service} is optional and not there")
        return passed(f"started after {edge.service} was {edge.condition}")
    if broken.reason is Reason.NOT_STARTED or not started:
        return undecided(
            f"{dependent} never started, so its place in the order was not seen: "
            f"see what {edge.service} and {dependent} log"
        )
    early = None
    if broken.met_ns is not None and broken.started_ns is not None:
        early = (broken.met_ns - broken.started_ns) / 1e9
    return failed(
        str(broken),
        f"{dependent} was started although {edge.service} was not yet "
        f"{edge.condition}: start it with `docker compose up`, not one by one",
        **({} if early is None else {"early_seconds": early}),
    )


def stop_before(
    events: Iterable[Event], dependent: str, dependency: str, stood: frozenset[str]
) -> Finding:
    """Judge one edge from the record of a stop."""
    for name in (dependent, dependency):
        if name not in stood:
            return undecided(f"{name} did not run when the stack was stopped")
    apart = stop_seconds_apart(events, dependent, dependency)
    if apart is None:
        return undecided(
            f"{dependency} ended before it was told to, or {dependent} did not end"
        )
    if apart < 0:
        return failed(
            f"{dependency} was told to stop {-apart:.3f} s before {dependent} ended",
            f"{dependent} lost {dependency} while it still worked: stop the stack with "
            "`docker compose stop`, which goes backwards",
            apart_seconds=apart,
        )
    return passed(
        f"{dependency} was told to stop {apart:.3f} s after {dependent} had ended",
        apart_seconds=apart,
    )


def restarted_with(drill: Restarted, dependent: str) -> Finding:
    """Judge whether a dependent was restarted together with what it depends on."""
    for name in (dependent, drill.service):
        if name not in drill.stood:
            return undecided(f"{name} did not run when {drill.service} was restarted")
    starts = {
        name: [
            e.time_ns
            for e in drill.events
            if e.service == name and e.action == "start" and not e.one_off
        ]
        for name in (dependent, drill.service)
    }
    if not starts[drill.service]:
        return undecided(f"`docker compose restart` did not restart {drill.service}")
    if not starts[dependent]:
        return failed(
            f"{dependent} was not restarted",
            f"`docker compose restart {drill.service}` left {dependent} as it was: "
            "`depends_on` with `restart: true` needs Compose 2.17 or later",
        )
    if max(starts[dependent]) < min(starts[drill.service]):
        return failed(
            f"{dependent} was restarted before {drill.service}",
            f"{dependent} works with the {drill.service} of before: restart it again, "
            "and use a later Compose",
        )
    return passed(f"{dependent} was restarted after {drill.service}")


def converged(
    service: str, back: Return, needed: Needs, stood: frozenset[str]
) -> Finding:
    """Judge how a service came back from a start before what it depends on."""
    if service not in stood:
        return undecided(f"{service} did not stand before the drill")
    peers = sorted(needed.get(service, frozenset()) & stood)
    names = ", ".join(peers)
    if service in back.lost:
        return undecided(
            f"{service} does not start a second time at all, whatever the order: "
            "see RESTART-04",
            observed=back.lost[service],
        )
    blamed = sorted(all_needs(needed, service) & {*back.lost, *back.late})
    if service in back.troubled and blamed:
        return undecided(f"{blamed[0]}, which {service} needs, did not come back")
    if service in back.gave_up:
        return failed(
            f"started before {names}: {back.gave_up[service]} and stayed down",
            f"{service} gives up when {names} is not there yet, and its restart policy "
            "does not try again: wait and retry in the program, or declare "
            "`restart: unless-stopped`",
        )
    if service in back.late:
        return failed(
            f"started before {names}: {back.late[service]} until it was restarted",
            f"{service} looks for {names} once only: retry in the program, or end with "
            "an error so that the restart policy can help",
        )
    return passed(f"started before {names}, and came up by itself")
