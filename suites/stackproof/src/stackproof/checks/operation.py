"""Whether services stay up, end well, and keep the time of the host."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

from ..check import Claim, Finding, Subject, Verdict, failed, passed, undecided
from ..contract.source import Contract
from ..errors import WaitTimeout
from ..verify.stack import Stack
from ..wait import wait_until
from .per_service import service_of
from .processes import ended_well, observe_service
from .running import judge_no_restart as _no_restart
from .running import judge_one_shot as _one_shot
from .running import judge_stays_up as _stays_up

_CLOCK_SECONDS = 2.0
_LATE_SECONDS = 20.0
_EVERY_SECONDS = 0.2


def judge_stays_up(claim: Claim, stack: Stack) -> Finding:
    """Judge the service as it stands; in a copy, one that came up late has time."""
    name = service_of(claim)
    counts = _restarts(stack, name)

    def observe() -> Finding:
        return _stays_up(
            stack.containers(name),
            stack.look().rows[name],
            now=time.time(),
            events=stack.recorder.events if stack.recorder else None,
        )

    def decided(found: Finding) -> bool:
        return found.verdict is not Verdict.FAIL or _restarts(stack, name) != counts

    first = observe()
    if not stack.owned or first.verdict is not Verdict.FAIL or not counts:
        return first
    try:
        return wait_until(observe, decided, timeout=_LATE_SECONDS, every=_EVERY_SECONDS)
    except WaitTimeout:
        return observe()


def _restarts(stack: Stack, service: str) -> dict[str, int]:
    """Return how often each container that runs was started again."""
    rows = stack.containers(service)
    return {row.id: row.restart_count for row in rows if row.running}


def judge_no_restart(claim: Claim, stack: Stack) -> Finding:
    """Judge the restart counts."""
    return _no_restart(stack.containers(service_of(claim)))


def one_shots(contract: Contract) -> Iterator[Claim]:
    """Ask of those that others wait for."""
    for name in sorted(contract.model.one_shots):
        if name in contract.model.services:
            yield Claim(
                subject=Subject(service=name),
                label=name,
                promised="ends with 0 and runs once",
            )


def judge_one_shot(claim: Claim, stack: Stack) -> Finding:
    """Judge exit code and record."""
    name = service_of(claim)
    rows = stack.containers(name)
    policy = [
        str((row.host_config.get("RestartPolicy") or {}).get("Name") or "no")
        for row in rows
    ]
    record = stack.recorder.events if stack.recorder else ()
    events = [event for event in record if event.service == name and not event.one_off]
    return _one_shot(rows, events, policy=policy[0] if policy else "no")


def judge_clock(_claim: Claim, stack: Stack) -> Finding:
    """Compare the engine's clock with this host's."""
    before = time.time()
    engine = datetime.fromisoformat(str(stack.engine.info()["SystemTime"])).timestamp()
    after = time.time()
    return clock(engine - (before + after) / 2, uncertain=(after - before) / 2)


def clock(apart: float, *, uncertain: float) -> Finding:
    """Judge how far two clocks are apart (pure)."""
    if abs(apart) - uncertain > _CLOCK_SECONDS:
        return failed(
            f"{apart:+.1f} s apart",
            "Run a time service on the engine's host.",
            clock_offset_seconds=round(apart, 3),
        )
    return passed(f"{apart:+.3f} s apart", clock_offset_seconds=round(apart, 3))


def judge_offsets(claim: Claim, stack: Stack) -> Finding:
    """Read the offsets of the time namespaces."""
    seen = [one.inside for one in observe_service(stack, service_of(claim))]
    running = [inside for inside in seen if inside is not None]
    if not running:
        if ended_well(stack, service_of(claim)):
            return passed("has ended")
        return undecided("it does not run")
    worst = max(
        (abs(offset) for inside in running for offset in inside.clock_offsets.values()),
        default=0.0,
    )
    if worst > 0:
        return failed(
            f"clocks are shifted by up to {worst:g} s",
            "Start the container without an offset of its time namespace.",
            clock_offset_seconds=worst,
        )
    return passed("clock of the host", clock_offset_seconds=0.0)


def score_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for declared scores."""
    for name, service in contract.model.services.items():
        score = service.declared.get("oom_score_adj")
        if score is not None:
            yield Claim(
                subject=Subject(service=name, key="oom_score_adj"),
                label=name,
                promised=f"oom_score_adj {score}",
                detail=score,
            )


def judge_score(claim: Claim, stack: Stack) -> Finding:
    """Read the score from the kernel."""
    wanted = int(str(claim.detail))
    for one in observe_service(stack, service_of(claim)):
        if one.inside is None:
            has = one.container.host_config.get("OomScoreAdj")
        else:
            has = one.inside.first.oom_score_adj
        if has != wanted:
            return failed(
                f"oom_score_adj is {has}, declared {wanted}",
                "Make the container anew with `docker compose up -d`.",
            )
    return passed(f"oom_score_adj is {wanted}")
