"""Judge how a service ended (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from ..check import Finding, failed, passed, undecided
from ..drills.signalled import Signalled
from ..drills.signals import name_of, number_of
from ..drills.stop_all import FirstProcess, StopAll
from ..model import Service
from ..stops import Stop, stops

LARGEST_SHARE = 0.8
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
_INITS = frozenset({"docker-init", "tini", "dumb-init", "catatonit", "s6-svscan"})
_SIGNALLED = 128


def told_stops(drill: StopAll, service: str) -> tuple[Stop, ...]:
    """Return the last end of each container of a service that it was told to."""
    last = {
        stop.container: stop
        for stop in stops(drill.events)
        if stop.service == service and stop.signal is not None
    }
    return tuple(last.values())


def unseen(drill: StopAll, service: str) -> Finding | None:
    """Return why nothing can be said of a service's end, or None."""
    if service not in drill.stood:
        return undecided(f"{service} did not stand when the stack was stopped")
    if not told_stops(drill, service):
        return undecided(
            f"{service} had ended before it was told to stop: see what it logs"
        )
    return None


def held_as_declared(
    service: Service, configs: Iterable[Mapping[str, Any]], keys: Iterable[str]
) -> Finding:
    """Compare what the engine holds of every container with what is declared."""
    wanted = {
        "stop_signal": number_of(service.stop_signal),
        "stop_grace_period": math.ceil(service.stop_grace_seconds),
    }
    for config in configs:
        held = {
            "stop_signal": number_of(str(config.get("StopSignal") or "SIGTERM")),
            "stop_grace_period": config.get("StopTimeout"),
        }
        wrong = [key for key in keys if held[key] != wanted[key]]
        if wrong:
            return failed(
                f"{wrong[0]} is {held[wrong[0]]}",
                f"{service.name} declares {wanted[wrong[0]]}: recreate its container",
            )
    return passed(f"{service.stop_signal}, {service.stop_grace_seconds:g} s")


def ended_in_time(drill: StopAll, service: Service) -> Finding:
    """Judge whether a stop needed the engine's SIGKILL."""
    if finding := unseen(drill, service.name):
        return finding
    slowest = _slowest(told_stops(drill, service.name))
    grace, seconds = service.stop_grace_seconds, slowest.seconds or 0.0
    name = name_of(slowest.signal)
    facts = {"stop_seconds": round(seconds, 3), "grace_seconds": grace}
    forced = [stop for stop in told_stops(drill, service.name) if stop.forced]
    if not forced or grace < 1:
        observed = f"ended {seconds:.2f} s after {name}; {grace:g} s are allowed"
        return passed(observed, **facts)
    first = drill.first.get(forced[0].container)
    return failed(
        f"did not end within {grace:g} s of {name}; the engine sent SIGKILL",
        f"{service.name}: {why_deaf(first, slowest.signal)}",
        **facts,
    )


def why_deaf(first: FirstProcess | None, number: int | None) -> str:
    """Return why PID 1 did not end on a signal, and what to do."""
    name = name_of(number)
    if first is None or not first.command:
        return (
            f"end within stop_grace_period of {name}: handle the signal in the "
            "program, or set `init: true`"
        )
    program = PurePosixPath(first.command[0]).name
    heard = number in first.caught
    if program in _SHELLS and not heard:
        script = " -c …" if "-c" in first.command else " …"
        return (
            f"PID 1 is a shell (`{program}{script}`) that does not pass {name} on to "
            "its program: use the exec form of the command, `exec` in the script, or "
            "`init: true`"
        )
    if program in _INITS:
        return (
            f"PID 1 is {program}, which passes {name} on, but the program does not end "
            "on it: handle it, or set `stop_signal` to one that it handles"
        )
    if number in first.ignored:
        return f"PID 1 (`{program}`) ignores {name}: handle it, or set `stop_signal`"
    if not heard:
        return (
            f"PID 1 (`{program}`) has no handler for {name}, and without one the "
            "kernel keeps the signal from PID 1: handle it, set `init: true`, or set "
            "`stop_signal` to one that it handles"
        )
    return (
        f"PID 1 (`{program}`) catches {name} but does not end in time: finish sooner, "
        "or raise `stop_grace_period`"
    )


def right_signal(drill: StopAll, service: Service, number: int | None) -> Finding:
    """Judge whether the first signal of a stop was the declared one."""
    if finding := unseen(drill, service.name):
        return finding
    if number is None:
        return undecided(f"{service.stop_signal} is no signal that is known here")
    for stop in told_stops(drill, service.name):
        if stop.signal != number:
            return failed(
                f"was sent {name_of(stop.signal)}",
                f"{service.name} declares stop_signal {service.stop_signal}, but its "
                "container was made without it: recreate it",
            )
    return passed(f"was sent {name_of(number)}")


def clean_code(drill: StopAll, service: Service) -> Finding:
    """Judge the exit codes of a stop: 0, or 128 + the number of its signal."""
    if finding := unseen(drill, service.name):
        return finding
    ends = told_stops(drill, service.name)
    if service.stop_grace_seconds >= 1 and any(stop.forced for stop in ends):
        return undecided(
            f"{service.name} was killed, so its own exit code is not known: see STOP-01"
        )
    return _code(service.name, ends)


def share_of_grace(drill: StopAll, service: Service) -> Finding:
    """Judge how much of the grace period a stop took."""
    if finding := unseen(drill, service.name):
        return finding
    grace = service.stop_grace_seconds
    seconds = _slowest(told_stops(drill, service.name)).seconds or 0.0
    if grace < 1:
        return passed("asks for an immediate end", stop_seconds=round(seconds, 3))
    share = seconds / grace
    facts = {
        "stop_seconds": round(seconds, 3),
        "grace_seconds": grace,
        "grace_share": round(share, 3),
    }
    observed = f"took {share:.0%} of its {grace:g} s"
    if share <= LARGEST_SHARE:
        return passed(observed, **facts)
    return failed(
        observed,
        f"{service.name} is killed as soon as the machine is a little slower: raise "
        "`stop_grace_period`, or end sooner",
        **facts,
    )


def interrupted(drill: Signalled, service: str) -> Finding:
    """Judge whether SIGINT ends a service."""
    ends = _ends(drill, service)
    told = {c for c in drill.sent if c in _containers(drill, service)}
    if service not in drill.waited:
        return undecided(f"{service} did not stand before it was sent SIGINT")
    if not ends or len(ends) < len(told):
        return failed(
            f"still runs {drill.waited[service]:g} s after SIGINT",
            f"{service} cannot be ended with Ctrl-C: handle SIGINT as its stop signal, "
            "or set `init: true`",
        )
    seconds = _slowest(ends).seconds or 0.0
    return passed(
        f"ended {seconds:.2f} s after SIGINT, exit code {ends[0].exit_code}",
        interrupt_seconds=round(seconds, 3),
    )


def insisted(drill: Signalled, service: str) -> Finding:
    """Judge whether a repeated stop signal leaves the end as it is."""
    if service not in drill.waited:
        return undecided(f"{service} did not stand before it was told to stop")
    ends = _ends(drill, service)
    if not ends:
        return failed(
            f"still runs after {drill.waited[service]:g} s",
            f"{service} does not end when it is told to several times: ignore the "
            "signal once the end has begun, and see STOP-01",
        )
    return _code(service, ends)


def _code(service: str, ends: Iterable[Stop]) -> Finding:
    worst: Stop | None = None
    for stop in ends:
        fine = {0, _SIGNALLED + (stop.signal or 0)}
        if stop.exit_code not in fine:
            return failed(
                f"ended with exit code {stop.exit_code} on {name_of(stop.signal)}",
                f"{service} calls an ordered stop a failure: end with 0, or with "
                f"{_SIGNALLED + (stop.signal or 0)}",
                exit_code=stop.exit_code,
            )
        worst = stop
    code = worst.exit_code if worst else None
    return passed(f"ended with exit code {code}", exit_code=code)


def _slowest(ends: Iterable[Stop]) -> Stop:
    return max(ends, key=lambda stop: stop.seconds or 0.0)


def _ends(drill: Signalled, service: str) -> tuple[Stop, ...]:
    """Return the first end of each container of a service that no SIGKILL made."""
    first: dict[str, Stop] = {}
    for stop in stops(drill.events):
        if stop.service == service and stop.container in drill.sent:
            first.setdefault(stop.container, stop)
    return tuple(
        stop
        for stop in first.values()
        if not stop.forced and stop.signal == drill.sent[stop.container]
    )


def _containers(drill: Signalled, service: str) -> frozenset[str]:
    return frozenset(e.container for e in drill.events if e.service == service)
