"""Rate jobs: events on an absolute schedule, however slow anybody is."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from ..errors import ControlError
from ..load.lateness import Lateness
from ..load.schedule import Schedule, make_schedule
from ..world.homeassistant import HomeAssistant
from ..world.states import Entity
from ..world.timestamps import SECOND
from .requests import RateRequest, Timed

TURN_EVENTS: Final = 256
"""Events emitted before sockets get their turn, also when the job is behind."""
TICK_SECONDS: Final = 0.001
"""Shortest pause: events within it go out together."""
BUSY_EVENTS: Final = 8
"""From so many events in a turn on the shortest pause is longer."""
BUSY_TICK_SECONDS: Final = 0.002
"""That pause. Home Assistant, too, gathers what each turn of its loop adds, up to 256
messages (PENDING_MSG_MAX_FORCE_READY), and a frame costs both ends more than an event.
With 4 ms too many events left more than 10 ms late on a host that was full.
"""
LONGEST_PAUSE: Final = 0.25
FINISHED_KEPT: Final = 100


class JobState(StrEnum):
    """Where a job is."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"


class Job:
    """One request for a rate and what came of it."""

    def __init__(self, number: int, request: RateRequest, home: HomeAssistant) -> None:
        self.number = number
        self.request = request
        self.state = JobState.RUNNING
        self.done = asyncio.Event()
        self._home = home
        self._schedule: Schedule = make_schedule(
            request.profile,
            rate=request.rate,
            seed=request.seed,
            period=request.period,
            offsets=request.offsets,
        )
        # An event makes one new entity at most.
        self._growth = min(1.0, request.entity_growth / 60 / request.rate)
        self._new = 0
        self._shape = home.shapes.number(
            request.run_id, unit=request.unit, payload_bytes=request.payload_bytes
        )
        self._lateness = Lateness()
        self._sent = 0
        self._skipped = 0
        self._started = 0.0
        self._start_us = 0
        self._ended = 0.0
        self._first = 0
        self._last = 0

    async def run(self, clock: Callable[[], int]) -> None:
        """Emit until the count or the time is reached, or the task is cancelled."""
        try:
            entities = await self._entities()
            self._start_us = clock()
            self._started = time.monotonic()
            await self._emit_all(entities, clock)
            self.state = JobState.FINISHED
        finally:
            self.finish()

    def finish(self) -> None:
        """Close the books; a job that is still running counts as stopped."""
        if self.state is JobState.RUNNING:
            self.state = JobState.STOPPED
        self._ended = self._ended or time.monotonic()
        self.done.set()

    def status(self) -> dict[str, Any]:
        """Return the job's part of the status document; times in s and ms."""
        end = self._ended or time.monotonic()
        seconds = end - self._started if self._started else 0.0
        behind = 0
        if self._started and self.state is JobState.RUNNING:
            behind = max(0, self._due(seconds) - self._sent)
        return {
            "job": self.number,
            "state": str(self.state),
            "run_id": self.request.run_id,
            "rate": self.request.rate,
            "profile": str(self.request.profile),
            "seed": self.request.seed,
            "entities": self.request.entities,
            "new_entities": self._new,
            "start_us": self._start_us,
            "seconds": round(seconds, 3),
            "emitted": self._sent - self._skipped,
            "skipped_while_down": self._skipped,
            "behind": behind,
            "achieved_rate": round((self._sent - self._skipped) / seconds, 1)
            if seconds
            else 0.0,
            "lateness": self._lateness.summary(),
            "first_serial": self._first or None,
            "last_serial": self._last or None,
        }

    async def _entities(self) -> list[Entity]:
        entities: list[Entity] = []
        for number in range(self.request.entities):
            if number % 1_000 == 999:
                await asyncio.sleep(0)
            name = f"{self.request.prefix}_{number}"
            entities.append(self._home.states.entity(name))
        return entities

    def _due(self, elapsed: float) -> int:
        """Return how many events should have left, within the job's bounds."""
        request = self.request
        if request.seconds is not None and elapsed >= request.seconds:
            elapsed = math.nextafter(request.seconds, 0.0)
        due = self._schedule.due(elapsed)
        return due if request.count is None else min(due, request.count)

    def _over(self, elapsed: float) -> bool:
        request = self.request
        if request.count is not None and self._sent >= request.count:
            return True
        if request.seconds is None or elapsed < request.seconds:
            return False
        return self._sent >= self._due(elapsed)

    async def _emit_all(self, entities: list[Entity], clock: Callable[[], int]) -> None:
        while True:
            elapsed = time.monotonic() - self._started
            due = self._due(elapsed) - self._sent
            if due > 0:
                self._emit(entities, min(due, TURN_EVENTS), elapsed, clock())
            if self._over(elapsed):
                return
            if due > TURN_EVENTS:
                await asyncio.sleep(0)
                continue
            pause = self._schedule.at(self._sent) - (time.monotonic() - self._started)
            least = BUSY_TICK_SECONDS if due >= BUSY_EVENTS else TICK_SECONDS
            await asyncio.sleep(min(max(pause, least), LONGEST_PAUSE))

    def _emit(
        self, entities: list[Entity], count: int, elapsed: float, now_us: int
    ) -> None:
        home = self._home
        numbers = range(self._sent, self._sent + count)
        self._sent += count
        if not home.emitting:
            self._skipped += count
            return
        if not self._first:
            self._first = home.journal.next
        offsets = [self._schedule.at(number) for number in numbers]
        self._lateness.add([int((elapsed - offset) * SECOND) for offset in offsets])
        intended = [self._start_us + round(offset * SECOND) for offset in offsets]
        as_intended = self.request.timed is Timed.INTENDED
        home.generate_all(
            [self._next(entities, number) for number in numbers],
            self._shape,
            now_us,
            updated_us=intended if as_intended else [now_us] * count,
            intended_us=intended,
            record=self.request.record,
        )
        self._last = home.journal.last

    def _next(self, entities: list[Entity], number: int) -> Entity:
        if self._growth:
            self._renew(entities, number)
        return entities[number % len(entities)]

    def _renew(self, entities: list[Entity], number: int) -> None:
        """Let new entities take the places of the oldest ones, in turn."""
        while self._new < int(number * self._growth):
            name = f"{self.request.prefix}_{len(entities) + self._new}"
            entities[self._new % len(entities)] = self._home.states.entity(name)
            self._new += 1


class Jobs:
    """All rate jobs of this run; finished ones are kept for a while."""

    def __init__(
        self, home: HomeAssistant, tasks: asyncio.TaskGroup, clock: Callable[[], int]
    ) -> None:
        self._home = home
        self._tasks = tasks
        self._clock = clock
        self._started = 0
        self._jobs: dict[int, Job] = {}
        self._running: dict[int, asyncio.Task[None]] = {}

    def start(self, request: RateRequest) -> Job:
        """Start a job.

        Raises:
            ControlError: the request makes no sense (status 400).
        """
        job = Job(self._started + 1, request, self._home)
        self._started += 1
        self._jobs[job.number] = job
        task = self._tasks.create_task(job.run(self._clock))
        self._running[job.number] = task
        task.add_done_callback(lambda _: self._ended(job))
        finished = [number for number in self._jobs if number not in self._running]
        for number in finished[:-FINISHED_KEPT]:
            del self._jobs[number]
        return job

    def find(self, number: int) -> Job:
        """Return a job.

        Raises:
            ControlError: there is no such job (status 404).
        """
        if number not in self._jobs:
            raise ControlError(404, "no_job", f"no job {number}")
        return self._jobs[number]

    async def stop(self, number: int | None = None) -> list[Job]:
        """Stop one job or all running ones; return them once they have stopped.

        Raises:
            ControlError: there is no such job (status 404).
        """
        if number is None:
            chosen = [self._jobs[running] for running in self._running]
        else:
            chosen = [self.find(number)]
        for job in chosen:
            task = self._running.get(job.number)
            if task is not None:
                task.cancel()
            await job.done.wait()
        return chosen

    def status(self) -> list[dict[str, Any]]:
        """Return the status of all jobs that are kept."""
        return [job.status() for job in self._jobs.values()]

    def _ended(self, job: Job) -> None:
        del self._running[job.number]
        job.finish()
