"""Simulated machines: a fluid queue with one server, to try the search on.

They rank methods and prove nothing about a real stack. Time is cut into steps; what
arrives in a step waits behind what is there; a stall is a time without service.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .judge_trial import may_still_pass
from .search import Done, Search
from .trial import (
    BLOCK_SECONDS,
    UNLOADED,
    Accounting,
    Block,
    Generator,
    Host,
    Outage,
    Phase,
    Quantiles,
    Resources,
    Slo,
    Stage,
    TrialResult,
    TrialSpec,
    backlog_of,
)

__all__ = ["SimulatedMachine", "Stalls", "run_search"]

Floats: TypeAlias = npt.NDArray[np.float64]

STEP: Final = 0.1
_CPU_AT_CAPACITY: Final = 0.9
_OVERHEAD: Final = 2.0
_FILL_RATE: Final = 20_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalls:
    """One stall of `shortest` to `longest` seconds in each `every` seconds."""

    every: float
    shortest: float
    longest: float


@dataclass(slots=True, kw_only=True)
class SimulatedMachine:
    """A machine that carries `capacity` events/s, less what its faults take.

    `noise` is the relative spread of the service rate over 10 s, `collapse` what is
    left of it when more is asked for than it can do, `cold` the share that it starts
    with and `warm_after` the loaded seconds until it is warm. The generator sends at
    most `generator` events/s. Each event takes at least `latency`. `disturbed` is the
    share of trials in which neighbours take CPU time. `random` is the only chance.
    """

    capacity: float
    random: np.random.Generator
    noise: float = 0.02
    collapse: float = 1.0
    cold: float = 1.0
    warm_after: float = 0.0
    generator: float = 50_000.0
    latency: float = 0.02
    disturbed: float = 0.0
    stalls: Stalls | None = None
    now: float = 0.0
    loaded: float = 0.0
    backlog: float = 0.0
    _stalls: list[tuple[float, float]] = field(default_factory=list)

    def run(self, spec: TrialSpec, slo: Slo) -> TrialResult:
        """Return what a runner would have measured."""
        steal = 0.08 if self.random.random() < self.disturbed else 0.0
        host = Host(steal=steal, drained_before=self.backlog < 1)
        if spec.phase is Phase.DRAIN:
            return self._drained(spec, host)
        if spec.phase in {Phase.CALIBRATE, Phase.EMIT, *UNLOADED}:
            return self._without_machine(spec, host)
        rate = min(spec.rate, self.generator)
        loaded = spec.settle + spec.window + spec.outage
        steps = round(loaded / STEP)
        tail = round((spec.drain + slo.limit) / STEP)
        service = self._service(spec, rate, steps + tail)
        latency, queue = self._served(rate, steps, service)
        ended_after = _sure_fail(spec, latency, rate, slo)
        if ended_after is not None:
            loaded = spec.settle + ended_after
            steps = round(loaded / STEP)
            latency, queue = self._served(rate, steps, service[: steps + tail])
        empty = np.flatnonzero(queue[steps:] < 1e-6)
        drained = float(empty[0]) * STEP if len(empty) else spec.drain
        self.backlog = 0.0 if len(empty) else float(queue[-1])
        filling = spec.past_points / _FILL_RATE
        elapsed = loaded + filling + _OVERHEAD + min(drained, spec.drain)
        self.now += elapsed
        self.loaded += loaded
        return self._measured(
            spec, host, rate=rate, elapsed=elapsed, latency=latency, queue=queue,
            drained=drained if len(empty) else None, slo=slo, ended_after=ended_after,
        )  # fmt: skip

    def _served(
        self, rate: float, steps: int, service: Floats
    ) -> tuple[Floats, Floats]:
        """Return the latency of what comes in so many steps, and all that waits."""
        arrivals = np.zeros(len(service))
        arrivals[:steps] = rate * STEP
        queue = _queue(arrivals, service, start=self.backlog)
        came = np.cumsum(arrivals) + self.backlog
        return _waits(came[:steps], came - queue) * STEP + self.latency, queue

    def _without_machine(self, spec: TrialSpec, host: Host) -> TrialResult:
        filling = spec.past_points / _FILL_RATE
        elapsed = spec.settle + spec.window + filling + _OVERHEAD
        self.now += elapsed
        return TrialResult(
            spec=spec,
            elapsed=elapsed,
            achieved=min(spec.rate, self.generator),
            generator=self._lag(spec.rate),
            host=host,
        )

    def _drained(self, spec: TrialSpec, host: Host) -> TrialResult:
        service = np.cumsum(self._service(spec, 0.0, round(spec.drain / STEP) + 1))
        gone = np.flatnonzero(service >= self.backlog)
        waited = min(float(gone[0]) * STEP if len(gone) else spec.drain, spec.drain)
        self.backlog = max(0.0, self.backlog - float(service[-1]))
        self.now += waited + _OVERHEAD
        return TrialResult(
            spec=spec,
            elapsed=waited + _OVERHEAD,
            achieved=0.0,
            generator=self._lag(0.0),
            host=host,
            drained=len(gone) > 0,
        )

    def _lag(self, rate: float) -> Generator:
        late = rate > self.generator
        return Generator(
            lag_p50=0.5 if late else 0.0002,
            lag_p99=1.0 if late else 0.001,
            cpu_share=min(1.0, 0.75 * rate / self.generator),
        )

    def _service(self, spec: TrialSpec, rate: float, count: int) -> Floats:
        """Return how many events each step can serve."""
        speed = np.full(count, float(self.capacity))
        if self.noise:
            per_block = round(BLOCK_SECONDS / STEP)
            blocks = count // per_block + 1
            factors = self.random.normal(1.0, self.noise, blocks)
            speed *= np.repeat(factors, per_block)[:count]
        if rate > self.capacity:
            speed *= self.collapse
        times = np.arange(count) * STEP
        if self.warm_after:
            warm = np.minimum(1.0, (self.loaded + times) / self.warm_after)
            speed *= self.cold + (1 - self.cold) * warm
        for start, end in self._stalls_until(self.now + count * STEP):
            speed[(times + self.now >= start) & (times + self.now < end)] = 0.0
        if spec.outage:
            off = (times >= spec.settle) & (times < spec.settle + spec.outage)
            speed[off] = 0.0
        return np.maximum(0.0, speed * STEP)

    def _stalls_until(self, end: float) -> list[tuple[float, float]]:
        if self.stalls is None:
            return []
        every = self.stalls.every
        while len(self._stalls) * every <= end:
            length = self.random.uniform(self.stalls.shortest, self.stalls.longest)
            first = len(self._stalls) * every
            start = first + self.random.uniform(0, every - length)
            self._stalls.append((start, start + length))
        return self._stalls

    def _measured(
        self,
        spec: TrialSpec,
        host: Host,
        *,
        rate: float,
        elapsed: float,
        latency: Floats,
        queue: Floats,
        drained: float | None,
        slo: Slo,
        ended_after: float | None,
    ) -> TrialResult:
        first = round(spec.settle / STEP)
        last = len(latency)
        window = latency[first:last] if spec.window else latency
        total = rate * len(latency) * STEP
        lost = 0 if drained is not None else round(self.backlog)
        sent = max(round(total), lost)
        p50, p90, p99, p999 = np.quantile(window, [0.5, 0.9, 0.99, 0.999])
        in_flight = queue[first:last:10] + rate * self.latency
        return TrialResult(
            spec=spec,
            elapsed=elapsed,
            achieved=rate,
            generator=self._lag(spec.rate),
            host=host,
            blocks=_blocks(window, rate, slo.limit),
            latency={
                Stage.TOTAL: Quantiles(
                    mean=float(window.mean()),
                    p50=float(p50),
                    p90=float(p90),
                    p99=float(p99),
                    p999=float(p999),
                    max=float(window.max()),
                )
            },
            accounting=Accounting(sent=sent, stored=sent - lost, lost=lost),
            backlog=backlog_of([float(q) for q in in_flight]),
            resources={
                "database": Resources(
                    cpu=_CPU_AT_CAPACITY * total / self.capacity
                    if self.capacity
                    else 0.0
                )
            },
            compactions=1,
            drained=drained is not None,
            ended_after=ended_after,
            outage=Outage(
                seconds=spec.outage,
                backlog_peak=round(float(queue.max())),
                memory_peak={},
                drain=drained,
            )
            if spec.outage
            else None,
        )


def run_search(search: Search, machine: SimulatedMachine, slo: Slo) -> Done:
    """Make the trials that the search asks for until it is done."""
    while isinstance(spec := search.next(), TrialSpec):
        search.observe(machine.run(spec, slo))
    return spec


def _queue(arrivals: Floats, service: Floats, *, start: float) -> Floats:
    """Return what waits after each step: a random walk that is held up at 0."""
    walk = start + np.cumsum(arrivals - service)
    floor = np.minimum(0.0, np.minimum.accumulate(walk))
    return np.asarray(walk - floor, dtype=np.float64)


def _waits(came: Floats, gone: Floats) -> Floats:
    """Return for the last event of each step how many steps it waits."""
    steps = np.searchsorted(gone, came - 1e-6)
    before = np.concatenate([[0.0], gone])[steps]
    after = np.concatenate([gone, [np.inf]])[steps]
    within = np.clip((came - before) / np.maximum(after - before, 1e-9), 0.0, 1.0)
    return np.asarray(
        np.maximum(0.0, steps + within - np.arange(1, len(came) + 1)),
        dtype=np.float64,
    )


def _blocks(latency: Floats, rate: float, limit: float) -> tuple[Block, ...]:
    size = round(BLOCK_SECONDS / STEP)
    parts = [latency[i : i + size] for i in range(0, len(latency), size)]
    return tuple(
        Block(
            due=(due := max(1, round(rate * STEP * len(part)))),
            in_time=round(due * float((part <= limit).mean())),
        )
        for part in parts
    )


def _sure_fail(spec: TrialSpec, latency: Floats, rate: float, slo: Slo) -> float | None:
    """Return after how much of its window a trial is ended, None if it is not.

    As in a real one, an event is known to be late when it is stored.
    """
    first, size = round(spec.settle / STEP), round(BLOCK_SECONDS / STEP)
    window = latency[first:]
    stored = np.arange(len(window)) + window / STEP
    planned = round(rate * spec.window)
    for end in range(size, len(window), size):
        known = np.where(stored[:end] <= end, window[:end], 0.0)
        blocks = _blocks(known, rate, slo.limit)
        if not may_still_pass(spec.phase, blocks, planned=planned, slo=slo):
            return end * STEP
    return None
