"""Run one scenario: traffic, fault, cure, recovery, and only then the last look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from stackproof import WaitFailed, WaitTimeout, wait_until
from stackproof.drills.returning import now_ns

from ..project import LONG_RUNNING
from .checks import Check
from .collect import UNREADABLE, gaps_of, listen_back, look_back
from .faults.ends import start_together, stop_together
from .history import saved
from .observation import Observation
from .scenario import Scenario
from .vitals import Vitals, counts_of, now_us
from .world import ADMIN, INGESTION, World

_SETTLE_SECONDS = 60.0
_FLOW_SECONDS = 1.5
_RECORDED_SECONDS = 15.0
_EVERY_SECONDS = 0.2
_PATHS = dict.fromkeys(LONG_RUNNING, "/ready")


@dataclass(frozen=True, slots=True)
class Drained:
    """What has to be so before the last look."""

    pending: int
    open_gaps: int
    settled: bool

    def __str__(self) -> str:
        return (
            f"{self.pending} events pending, {self.open_gaps} gaps open, "
            f"source {'settled' if self.settled else 'still recording'}"
        )


def run_scenario(
    world: World, scenario: Scenario, checks: Iterable[Check], folder: Path
) -> Observation:
    """Return what one scenario has shown, with its history saved and judged.

    It ends with a clean shutdown, and a start for whoever comes next. What went wrong
    on the way is in `problems`; the observation is complete as far as it could be.

    Args:
        world: a stack, and new traffic on it.
        scenario: what to do.
        checks: they add to the traffic; nothing is judged by them here.
        folder: a new one, for the history.
    """
    world.budget_us = int(scenario.ready_seconds * 1e6)
    checks = tuple(checks)
    with Vitals(
        _PATHS,
        counting=INGESTION,
        telling=ADMIN,
        token=world.stack.project.secret("admin_token"),
        reach=world.base,
    ) as vitals:
        world.vitals = vitals
        seen = Observation(
            scenario=scenario,
            run_id=world.traffic.run_id,
            rate=world.rate,
            started_us=now_us(),
            ended_us=0,
        )
        seen = _before(world, seen)
        try:
            _disturb(world, scenario, checks)
        except UNREADABLE as err:
            world.problems.append(f"{type(err).__name__}: {err}")
        finally:
            _end_traffic(world)
        _recover(world, scenario)
        seen = look_back(world, seen)
    since = now_ns(world.proof)
    _stop(world)
    seen = listen_back(world, seen, since_ns=since)
    seen = replace(seen, ended_us=now_us(), problems=tuple(world.problems))
    seen = replace(seen, judgement=saved(folder, world, seen))
    start_together(world)
    return seen


def _before(world: World, seen: Observation) -> Observation:
    """Return what was there before the run; gaps that are known are not its own."""
    try:
        world.await_ready(timeout=_SETTLE_SECONDS)
        before = counts_of(world.stats())
    except UNREADABLE as err:
        world.problems.append(f"not ready before the run: {err}")
        return seen
    seen = replace(seen, before=before)
    try:
        return replace(seen, gaps=gaps_of(world))
    except UNREADABLE as err:
        return replace(seen, missing={"gaps": str(err)})


def _disturb(world: World, scenario: Scenario, checks: tuple[Check, ...]) -> None:
    """Let events flow, do harm, heal it, and see events flow again."""
    world.traffic.begin(world.rate)
    for check in checks:
        check.populate(world)
    _flow(world)
    with scenario.fault(world):
        for check in checks:
            check.perturb(world)
    world.await_ready(timeout=scenario.ready_seconds + _SETTLE_SECONDS)
    _flow(world)
    if world.flow_seconds:
        world.await_emitted(world.flow_seconds)


def _flow(world: World) -> None:
    """See events made, and events written.

    Both are needed: with a new subscription all states of the source are written, also
    when it makes no event.
    """
    world.await_emitted(_FLOW_SECONDS)
    world.await_progress("written", seconds=_FLOW_SECONDS / 2)


def _end_traffic(world: World) -> None:
    try:
        world.traffic.end()
    except UNREADABLE as err:
        world.problems.append(f"the traffic could not be stopped: {err}")


def _recover(world: World, scenario: Scenario) -> None:
    """Wait until the source has recorded all, and nothing is pending or open.

    What is still pending then is for the checks to judge.
    """

    def look() -> Drained:
        try:
            stats = world.stats()
            settled = world.traffic.settled()
        except UNREADABLE:
            return Drained(-1, -1, settled=False)
        gaps = int(stats.get("gaps", {}).get("open", 0))
        return Drained(int(stats["events"]["pending"]), gaps, settled)

    def drained(seen: Drained) -> bool:
        return seen == Drained(0, 0, settled=True)

    limit = _RECORDED_SECONDS + scenario.drain_seconds
    try:
        wait_until(look, drained, timeout=limit, every=_EVERY_SECONDS)
    except (WaitTimeout, WaitFailed) as err:
        world.problems.append(f"not drained: {err}")


def _stop(world: World) -> None:
    try:
        stop_together(world, LONG_RUNNING)
    except UNREADABLE as err:
        world.problems.append(f"no clean shutdown: {err}")
