"""Judge health checks from the file, from inspect and from recorded events (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .check import Fact, Finding, failed, passed, undecided
from .durations import parse_duration
from .errors import ModelError
from .events import Event
from .model import Health, Healthcheck

_DEFAULT_SECONDS = 30.0
_DEFAULT_RETRIES = 3
# An engine on a busy host starts a check later than asked.
_LATE_SHARE = 1.1
_LATE_SECONDS = 5.0
_DURATIONS = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start_period": "StartPeriod",
    "start_interval": "StartInterval",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One life of a container, from start to end, as far as its health goes.

    Attributes:
        healthy_seconds: from the start to the first "healthy".
        unhealthy_seconds: from the start to the first "unhealthy".
        relapsed_seconds: from the start to the first "unhealthy" after a "healthy".
        relapses: how often it became unhealthy after it had been healthy.
        last: the last verdict.
        ended_seconds: from the start to the end.
    """

    container: str
    started_ns: int
    healthy_seconds: float | None = None
    unhealthy_seconds: float | None = None
    relapsed_seconds: float | None = None
    relapses: int = 0
    last: Health = Health.NONE
    ended_seconds: float | None = None

    @property
    def decided(self) -> bool:
        """Whether the health check came to a verdict."""
        return self.healthy_seconds is not None or self.unhealthy_seconds is not None


def lives(events: Iterable[Event], container: str) -> tuple[Life, ...]:
    """Return all lives of a container, in order."""
    found: list[Life] = []
    for event in sorted(events, key=lambda event: event.time_ns):
        if event.container != container:
            continue
        if event.action == "start":
            found.append(Life(container=container, started_ns=event.time_ns))
        elif found:
            found[-1] = _with(found[-1], event)
    return tuple(found)


def judged_life(found: Sequence[Life]) -> Life | None:
    """Return the first life with a verdict, else the last one."""
    decided = (life for life in found if life.decided)
    return next(decided, found[-1] if found else None)


def judge_start(life: Life | None, check: Healthcheck) -> Finding:
    """Judge whether a container became healthy within its own budget."""
    if life is None:
        return undecided("the container was never started; see why in ORDER and OPS")
    budget = check.budget
    healthy, unhealthy = life.healthy_seconds, life.unhealthy_seconds
    facts: dict[str, Fact] = {
        "healthy_seconds": _rounded(healthy),
        "budget_seconds": budget,
    }
    late = budget * _LATE_SHARE + _LATE_SECONDS
    early = healthy is not None and (unhealthy is None or healthy < unhealthy)
    if early and healthy is not None and healthy <= late:
        return passed(f"healthy after {healthy:.1f} s of {budget:g} s", **facts)
    if not life.decided and life.ended_seconds is not None:
        return undecided(
            f"the container ended {life.ended_seconds:.1f} s after its start, before "
            "its health check had a verdict: look at its log",
            "ended before a verdict",
            **facts,
        )
    if healthy is not None:
        seen = f"healthy only after {healthy:.1f} s of {budget:g} s"
        fix = (
            "the service needs longer to start than its health check allows: raise "
            "start_period above that time"
        )
    else:
        seen = f"not healthy within {budget:g} s"
        if unhealthy is not None:
            seen = f"unhealthy after {unhealthy:.1f} s of {budget:g} s"
        fix = (
            "run the health check by hand: it must end with 0 within its timeout and "
            "needs its program inside the image; a slow service needs a longer "
            "start_period"
        )
    return failed(seen, fix, **facts)


def judge_relapse(found: Sequence[Life]) -> Finding:
    """Judge whether a container stayed healthy once it was.

    A single lapse from which it recovered is told and passes: a busy host can be its
    cause.
    """
    relapsed = [life for life in found if life.relapsed_seconds is not None]
    if not any(life.healthy_seconds is not None for life in found):
        return undecided("it never became healthy")
    if not relapsed:
        return passed("no unhealthy event after the first healthy one")
    seconds = relapsed[0].relapsed_seconds or 0.0
    times = sum(life.relapses for life in relapsed)
    if times == 1 and found[-1].last is not Health.UNHEALTHY:
        return passed(
            f"unhealthy once, {seconds:.1f} s after its start, and healthy again",
            relapsed_seconds=_rounded(seconds),
        )
    return failed(
        f"unhealthy {times} times, first {seconds:.1f} s after its start",
        "nobody disturbed it: look at the output of its health check in inspect; a "
        "timeout near to the time that an answer takes makes it flap",
        relapsed_seconds=_rounded(seconds),
    )


def judge_configured(
    declared: Mapping[str, Any], inspected: Mapping[str, Any] | None
) -> Finding:
    """Compare a declared health check with the one that the engine runs."""
    runs = inspected or {}
    test = runs.get("Test") or []
    if not test or test == ["NONE"]:
        return failed(
            "no health check runs",
            "neither the file nor the image has a command for it: declare "
            "healthcheck.test",
        )
    different = [
        f"{key} is {shown} in the file and {actual} in inspect"
        for key, shown, actual in _differences(declared, runs)
    ]
    if different:
        return failed(
            "; ".join(different),
            "the container was made from another file: create it anew with `docker "
            "compose up`",
        )
    return passed(f"the engine runs {' '.join(map(str, test))}"[:120])


def judge_disabled(inspected: Mapping[str, Any] | None, health: Health) -> Finding:
    """Judge whether a health check that was switched off stays off."""
    test = (inspected or {}).get("Test") or ["NONE"]
    if test != ["NONE"] or health is not Health.NONE:
        return failed(
            f"the engine runs {' '.join(map(str, test))}"[:120],
            "the file switches the health check off: create the container anew with "
            "`docker compose up`",
        )
    return passed("no health check runs")


def effective(inspected: Mapping[str, Any] | None) -> Healthcheck:
    """Return the health check that the engine runs, its defaults filled in."""
    runs = inspected or {}

    def seconds(key: str, default: float) -> float:
        return int(runs.get(key) or 0) / 1e9 or default

    return Healthcheck(
        test=tuple(map(str, runs.get("Test") or ())),
        interval=seconds("Interval", _DEFAULT_SECONDS),
        timeout=seconds("Timeout", _DEFAULT_SECONDS),
        retries=int(runs.get("Retries") or 0) or _DEFAULT_RETRIES,
        start_period=seconds("StartPeriod", 0.0),
    )


def failing_seconds(check: Healthcheck) -> float:
    """Return the time by which a hanging service must be called unhealthy.

    A check that is under way when the service stops may still pass.
    """
    whole = (check.interval + check.timeout) * (check.retries + 1)
    return whole * _LATE_SHARE + _LATE_SECONDS


def recovering_seconds(check: Healthcheck) -> float:
    """Return the time by which a service that goes on must be healthy again."""
    return check.budget * _LATE_SHARE + 2 * _LATE_SECONDS


MOST_PASSES = 3
"""Checks that may pass in a hanging service: one under way, or by an age of a file."""


def passes_since(
    before: Iterable[Mapping[str, Any]], now: Iterable[Mapping[str, Any]]
) -> frozenset[str]:
    """Return the starts of the checks in a health log that are new and passed."""
    known = {str(entry.get("Start")) for entry in before}
    passed_now = {str(entry.get("Start")) for entry in now if not entry.get("ExitCode")}
    return frozenset(passed_now - known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """What happened while no process of a container could run.

    Attributes:
        problem: why nothing can be said, None when it was observed.
        unhealthy_seconds: from the stop to "unhealthy"; None when it did not come.
        waited_seconds: how long that was waited for.
        passes: how often the health check passed meanwhile, as far as it was seen.
        recovery_seconds: from going on to "healthy"; None when it did not come.
        recovery_limit_seconds: how long that was waited for.
    """

    problem: str | None = None
    unhealthy_seconds: float | None = None
    waited_seconds: float = 0.0
    passes: int = 0
    recovery_seconds: float | None = None
    recovery_limit_seconds: float = 0.0


def judge_frozen(seen: Frozen) -> Finding:
    """Judge whether a health check notices a service that does nothing any more."""
    facts: dict[str, Fact] = {
        "unhealthy_seconds": _rounded(seen.unhealthy_seconds),
        "recovery_seconds": _rounded(seen.recovery_seconds),
    }
    if seen.problem:
        return undecided(seen.problem, "not observed", **facts)
    if seen.unhealthy_seconds is None:
        return failed(
            f"its check passed {seen.passes} times in {seen.waited_seconds:.0f} s with "
            "all its processes stopped",
            "the health check passes though nothing of the service runs: let it ask "
            "the service itself for an answer (an HTTP request, a query), with a time "
            "limit; an open port or a file proves nothing",
            **facts,
        )
    noticed = f"unhealthy {seen.unhealthy_seconds:.1f} s after all processes stopped"
    if seen.recovery_seconds is None:
        return failed(
            f"{noticed}, then not healthy for {seen.recovery_limit_seconds:.0f} s",
            "the service did not recover from a pause: look at its log; what lost its "
            "connections has to open them again",
            **facts,
        )
    return passed(f"{noticed}, healthy {seen.recovery_seconds:.1f} s later", **facts)


def _with(life: Life, event: Event) -> Life:
    seconds = (event.time_ns - life.started_ns) / 1e9
    if event.action == "die" and life.ended_seconds is None:
        return replace(life, ended_seconds=seconds)
    if event.health is not None:
        life = replace(life, last=event.health)
    if event.health is Health.HEALTHY and life.healthy_seconds is None:
        return replace(life, healthy_seconds=seconds)
    if event.health is Health.UNHEALTHY:
        if life.unhealthy_seconds is None:
            life = replace(life, unhealthy_seconds=seconds)
        if life.healthy_seconds is not None:
            first = seconds if life.relapsed_seconds is None else life.relapsed_seconds
            relapses = life.relapses + 1
            life = replace(life, relapsed_seconds=first, relapses=relapses)
    return life


def _differences(
    declared: Mapping[str, Any], runs: Mapping[str, Any]
) -> Iterable[tuple[str, str, str]]:
    wanted = declared.get("test")
    if wanted is not None:
        words = ["CMD-SHELL", wanted] if isinstance(wanted, str) else list(wanted)
        # Compose prints a dollar sign twice, so that the text can be read again.
        plain = [str(word).replace("$$", "$") for word in words]
        actual = [str(word) for word in runs.get("Test") or ()]
        if actual not in (plain, [str(word) for word in words]):
            yield "test", " ".join(plain), " ".join(actual)
    for key, name in _DURATIONS.items():
        text, nanoseconds = declared.get(key), runs.get(name)
        if text is None or (nanoseconds is None and key == "start_interval"):
            continue
        try:
            seconds = parse_duration(str(text))
        except ModelError:
            continue
        if not math.isclose(seconds, (nanoseconds or 0) / 1e9, abs_tol=1e-6):
            yield key, str(text), f"{(nanoseconds or 0) / 1e9:g} s"
    retries = declared.get("retries")
    if retries is not None and int(retries) != int(runs.get("Retries") or 0):
        yield "retries", str(retries), str(runs.get("Retries") or 0)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
