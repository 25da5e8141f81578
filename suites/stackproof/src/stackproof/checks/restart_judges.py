"""Judge restart policies from what the engine holds and what it did (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..check import Finding, failed, passed, undecided
from ..drills.crash import Crash
from ..drills.engine import EngineRestart
from ..drills.hits import Hit
from ..drills.layers import Needs, all_needs
from ..drills.signals import name_of
from ..drills.stop_all import StopAll
from ..events import Event
from ..model import Health, Service
from ..restarts import Policy, Restart, declared_policy, parse_policy
from ..verify.standing import Standing

_KILLED = 137


def as_declared(
    service: str, declared: Policy | None, held: Iterable[Mapping[str, Any]]
) -> Finding:
    """Compare the declared policy with that of every container."""
    found = [parse_policy(each) for each in held]
    texts = ", ".join(sorted({str(each) for each in found})) or "no container"
    if declared is None:
        return passed(f"{texts}, as Compose reads a policy without a condition")
    if found and all(each == declared for each in found):
        return passed(texts)
    return failed(
        texts,
        f"{service} declares restart {declared}: recreate its container, and do not "
        "change the policy with `docker update`",
    )


def stayed_down(drill: StopAll, service: str, seconds: float) -> Finding:
    """Judge whether a service that was stopped by hand stayed stopped."""
    if service not in drill.stood:
        return undecided(f"{service} did not stand when the stack was stopped")
    stopped = [
        event.time_ns
        for event in drill.events
        if event.service == service and event.action == "stop"
    ]
    if not stopped:
        return undecided(f"no stop of {service} was recorded")
    again = [
        event.time_ns
        for event in drill.events
        if event.service == service
        and event.action == "start"
        and event.time_ns > max(stopped)
    ]
    if again:
        return failed(
            f"was started again {(min(again) - max(stopped)) / 1e9:.2f} s later",
            f"{service} cannot be stopped: see what starts it beside its policy",
        )
    return passed(f"no start within {seconds:g} s")


def came_back(drill: StopAll, service: str, needed: Needs) -> Finding:
    """Judge whether a service can be started a second time."""
    if service not in drill.stood:
        return undecided(f"{service} did not stand before the drill")
    back = drill.back
    if service not in back.lost:
        return passed("stands as before")
    if blamed := sorted(all_needs(needed, service) & back.lost.keys()):
        return undecided(f"{blamed[0]}, which {service} needs, did not come back")
    return failed(
        f"after a stop and a start: {back.lost[service]}",
        f"{service} starts only in a new container: see what its first run left "
        "behind, such as a lock or pid file, and remove it at the start",
    )


def crashed(crash: Crash | None, service: Service, needed: Needs) -> Finding:
    """Judge what the engine did after SIGKILL from the host."""
    return _ended(crash, service, needed, wanted=frozenset({_KILLED}))


def ended(crash: Crash | None, service: Service, needed: Needs) -> Finding:
    """Judge what the engine did after an end that it had not ordered."""
    return _ended(crash, service, needed, wanted=frozenset())


def _ended(
    crash: Crash | None, declared: Service, needed: Needs, *, wanted: frozenset[int]
) -> Finding:
    service = declared.name
    if crash is None or not crash.hits:
        return undecided(f"{service} did not stand before the drill")
    seconds: list[float] = []
    told = ""
    for hit in crash.hits:
        end = _first(crash, hit, "die")
        policy = declared_policy(declared) or hit.policy
        if hit.problem or end is None or policy is None:
            name = name_of(hit.number)
            return undecided(hit.problem or f"{service} did not end on {name}")
        code = end.exit_code or 0
        if (wanted and code not in wanted) or (not wanted and code == _KILLED):
            return undecided(
                f"{service} ended with exit code {code}, not by {name_of(hit.number)}"
            )
        again = _first(crash, hit, "start", after=end.time_ns)
        if again is not None and again.time_ns >= crash.hands_off:
            again = None  # the drill has started it
        due = policy.restarts(code, count=hit.count)
        told = f"exit code {code}, restart {policy}"
        if due and again is None:
            return failed(
                f"{told}: stayed down",
                f"the engine did not start {service} again: see what it says of it "
                "(`docker inspect`, State.Error)",
                exit_code=code,
            )
        if again is not None and not due:
            return failed(
                f"{told}: was started again",
                f"{service} declares that it stays down after this",
                exit_code=code,
            )
        if due and again is not None:
            seconds.append(_recovery(crash, hit, end, again))
    return _recovered(crash, service, needed, told, seconds)


def _recovered(
    crash: Crash, service: str, needed: Needs, told: str, seconds: list[float]
) -> Finding:
    back = crash.back
    trouble = {**back.late, **back.gave_up, **back.lost}
    if service in trouble:
        if blamed := sorted(all_needs(needed, service) & trouble.keys()):
            return undecided(f"{blamed[0]}, which {service} needs, did not come back")
        return failed(
            f"{told}: {trouble[service]}",
            f"{service} does not recover from a crash: see what it left behind, such "
            "as a lock or pid file, and remove it at the start",
        )
    if not seconds:
        return passed(f"{told}: stayed down until it was started")
    slowest = max(seconds)
    return passed(
        f"{told}: back after {slowest:.2f} s",
        recovery_seconds=round(slowest, 3),
    )


def exhausted(crash: Crash | None, declared: Service) -> Finding:
    """Judge whether the engine stops trying when the policy's limit is reached."""
    service = declared.name
    if crash is None or not crash.hits:
        return undecided(f"{service} did not stand before the drill")
    policy = declared_policy(declared)
    starts: dict[str, int] = {}
    for hit in crash.hits:
        if hit.problem or policy is None:
            return undecided(hit.problem or f"{service} has no known policy")
        record = [
            e
            for e in crash.events
            if e.container == hit.container and e.time_ns < crash.hands_off
        ]
        starts[hit.container] = sum(e.action == "start" for e in record)
        due = max(0, policy.retries - hit.count)
        if starts[hit.container] != due:
            return failed(
                f"was started {starts[hit.container]} times after crashes, {due} are "
                "due",
                f"the engine does not keep to restart {policy} of {service}: "
                "recreate its container",
                restarts=starts[hit.container],
            )
    count = max(starts.values())
    return passed(f"was started {count} times, then left down", restarts=count)


def restarts_itself(policy: Policy | None, service: str) -> Finding:
    """Judge whether a service has a policy at all."""
    if policy is None or policy.restart is not Restart.NO:
        return passed(f"restart {policy}" if policy else "deploy.restart_policy")
    return failed(
        "no restart policy",
        f"{service} stays down after a crash and after a reboot: declare "
        "`restart: unless-stopped`",
    )


def back_after_boot(done: EngineRestart, service: str) -> Finding:
    """Judge how a service stood after a restart of the engine."""
    if service not in done.before:
        return undecided(f"{service} did not stand before the engine was restarted")
    row = done.after.rows[service]
    if row.standing is not Standing.SOUND:
        return failed(
            row.reason,
            f"{service} did not come back after a restart of the engine: see its log.",
        )
    return passed(row.reason, engine_recovery_seconds=round(done.seconds, 3))


def _first(
    crash: Crash, hit: Hit, action: str, *, after: int | None = None
) -> Event | None:
    since = crash.since if after is None else after
    return next(
        (
            event
            for event in crash.events
            if event.container == hit.container
            and event.action == action
            and event.time_ns > since
        ),
        None,
    )


def _recovery(crash: Crash, hit: Hit, end: Event, again: Event) -> float:
    """Return the seconds to the first good health check, else to the start."""
    healthy = next(
        (
            event
            for event in crash.events
            if event.container == hit.container
            and event.health is Health.HEALTHY
            and event.time_ns > again.time_ns
        ),
        again,
    )
    return (healthy.time_ns - end.time_ns) / 1e9
