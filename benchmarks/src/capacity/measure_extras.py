"""Make the trials that come after the search and need no load of the source.

None of them may end a run: what cannot be measured is a problem of its record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from stackproof import wait_until
from stackproof.wait import Clock

from .cold import measure_cold
from .database import Database
from .direct import await_rest, write_for, write_points
from .errors import BadAnswer, NotEnoughData
from .kept import Cold, Direct, Record
from .lines import Lines, moulds_of
from .load import Sent
from .load_entities import begun_with, latest
from .model.disk import DAY
from .order import Order
from .pause import pause
from .resources import steal_share, used
from .rig import Rig
from .trial import NO_LOAD, Host, Phase, Resources, TrialResult, TrialSpec

__all__ = ["ExtraMeasurer"]

_EVERY: Final = 1.0
_LOOKED_AT: Final = 100
"""Entities of which stored points are read back."""
_ROWS: Final = 300
"""About so many points are read back, to write lines like them."""
_REST_SECONDS: Final = 60.0
_BEFORE_US: Final = 3_600 * 1_000_000
_UNTOLD: Final = "no load was sent before, so there are no lines to write again"


class ExtraMeasurer:
    """Makes the trials without load, and what a trial with load needs before it."""

    def __init__(
        self,
        rig: Rig,
        *,
        prefix: str,
        entities: int,
        clock: Clock,
        wall: Callable[[], float],
        began: float,
    ) -> None:
        """Prepare.

        Args:
            rig: the stack.
            prefix: of the entities of the load.
            entities: how many the load has.
            clock: the time to wait by.
            wall: UTC in seconds.
            began: when the run began, by the clock.
        """
        self._rig = rig
        self._prefix = prefix
        self._entities = entities
        self._clock = clock
        self._wall = wall
        self._began = began
        self._loaded: tuple[Order, Sent] | None = None
        self._moulds: tuple[str, ...] = ()

    def loaded(self, order: Order, sent: Sent) -> None:
        """Note which events were sent last."""
        self._loaded = (order, sent)

    def run(self, spec: TrialSpec) -> Record:
        """Make a trial without load: IDLE, DIRECT or COLD."""
        match spec.phase:
            case Phase.DIRECT:
                return self._direct(spec)
            case Phase.COLD:
                return self._cold(spec)
            case _:
                return self._idle(spec)

    def aged(
        self, spec: TrialSpec, order: Order, rate: Callable[[TrialSpec], Record]
    ) -> Record:
        """Store the past of a trial, then make it; it takes what both take.

        The past is of the entities that the trial's order begins with: their series
        grow old, and the counts of a trial stay true, because they are of its time
        only.
        """
        began = self._clock.monotonic()
        problems: list[str] = []
        past = 0
        try:
            _, before = self._last()
            lines = self._lines(
                begun_with(order, workers=before.workers),
                start=3_600 * spec.past_hours,
                rate=spec.past_rate,
            )
            write_points(self._rig.database(), lines, spec.past_points)
            past = spec.past_points
        except (BadAnswer, NotEnoughData) as err:
            problems.append(str(err))
        filled = self._clock.monotonic() - began
        record = self.rested(spec, rate)
        return msgspec.structs.replace(
            _longer(record, filled),
            past=past,
            problems=[*problems, *record.problems],
        )

    def rested(self, spec: TrialSpec, rate: Callable[[TrialSpec], Record]) -> Record:
        """Make a trial once the database has compacted what came before.

        What an event costs there is compared with other trials: it must not be what
        the trial before has left, so it is a problem of the trial if it may be.
        """
        most = min(_REST_SECONDS, spec.drain)
        return self._after_rest(spec, rate, most, wanted=True)

    def after_rest(
        self, spec: TrialSpec, rate: Callable[[TrialSpec], Record]
    ) -> Record:
        """Make a trial after the rest that it asks for, as far as there is one.

        A soak has compactions of its own; those that faster trials have left would be
        held against its rate.
        """
        if not spec.rest:
            return rate(spec)
        return self._after_rest(spec, rate, spec.rest, wanted=False)

    def _after_rest(
        self,
        spec: TrialSpec,
        rate: Callable[[TrialSpec], Record],
        most: float,
        *,
        wanted: bool,
    ) -> Record:
        began = self._clock.monotonic()
        problems: list[str] = []
        try:
            rests = await_rest(self._rig.database(), seconds=most, clock=self._clock)
            if wanted and not rests:
                problems.append("the database still compacted when the load began")
        except BadAnswer as err:
            problems.append(str(err))
        waited = self._clock.monotonic() - began
        record = _longer(rate(spec), waited)
        return msgspec.structs.replace(record, problems=[*record.problems, *problems])

    # ------------------------------------------------------------------- phases

    def _idle(self, spec: TrialSpec) -> Record:
        """Look at containers to which nobody speaks, not even this program."""
        began = self._clock.monotonic()
        pause(spec.settle, clock=self._clock)
        before, host = self._rig.usage(), self._rig.host()
        peaks: dict[str, int] = {}
        end = self._clock.monotonic() + spec.window

        def look() -> float:
            for name, seen in self._rig.usage(fresh=False).items():
                peaks[name] = max(peaks.get(name, 0), seen.memory)
            return self._clock.monotonic()

        wait_until(
            look,
            lambda now: now >= end - _EVERY / 2,
            timeout=spec.window + _EVERY,
            every=_EVERY,
            clock=self._clock,
        )
        after, host_after = self._rig.usage(), self._rig.host()
        seconds = host_after.at - host.at
        return self._record(
            spec,
            began,
            resources={
                name: used(before[name], now, peak=peaks.get(name, 0), seconds=seconds)
                for name, now in after.items()
                if name in before
            },
            looked=seconds,
            steal=steal_share(host, host_after),
        )

    def _direct(self, spec: TrialSpec) -> Record:
        began, host = self._clock.monotonic(), self._rig.host()
        found: Direct | None = None
        problems = []
        try:
            lines = self._lines(
                self._named(_own_range(self._prefix)),
                start=_BEFORE_US / 1e6,
                rate=spec.past_rate,
            )
            database = self._rig.database()
            found = write_for(
                database,
                lines,
                settle=spec.settle,
                seconds=spec.window,
                clock=self._clock,
            )
            await_rest(database, seconds=_REST_SECONDS, clock=self._clock)
        except (BadAnswer, NotEnoughData) as err:
            problems.append(str(err))
        past = found.lines + found.settled if found else 0
        return self._record(
            spec,
            began,
            direct=found,
            past=past,
            steal=steal_share(host, self._rig.host()),
            problems=problems,
        )

    def _cold(self, spec: TrialSpec) -> Record:
        """Write past days into a database of its own, and let it compact them."""
        began = self._clock.monotonic()
        found: Cold | None = None
        problems = []
        try:
            with self._rig.throwaway() as (database, days_ago):
                lines = self._lines(
                    self._named(self._prefix),
                    start=DAY * days_ago + 3_600 * spec.past_hours,
                    rate=spec.past_rate,
                )
                found = measure_cold(
                    database,
                    lines,
                    points=spec.past_points,
                    seconds=spec.window,
                    clock=self._clock,
                )
        except (BadAnswer, NotEnoughData) as err:
            problems.append(str(err))
        return self._record(spec, began, cold=found, problems=problems)

    # ------------------------------------------------------------------- inside

    def _lines(self, entities: Sequence[str], *, start: float, rate: float) -> Lines:
        """Return lines from so many seconds ago on, as far apart as at the rate."""
        return Lines(
            moulds=self._known_moulds(self._rig.database()),
            entities=entities,
            start_us=round((self._wall() - start) * 1e6),
            step_us=1e6 / rate,
        )

    def _named(self, prefix: str) -> list[str]:
        """Return as many entities as the load has, of a database or a range of ours."""
        return [f"{prefix}_{number}" for number in range(self._entities)]

    def _known_moulds(self, database: Database) -> tuple[str, ...]:
        if not self._moulds:
            entities, since_us = latest(
                *self._last(), entities=_LOOKED_AT, events=_ROWS
            )
            self._moulds = moulds_of(database.rows(entities, since_us=since_us))
        return self._moulds

    def _last(self) -> tuple[Order, Sent]:
        if self._loaded is None:
            raise BadAnswer("the lines of the load", _UNTOLD)
        return self._loaded

    def _record(
        self,
        spec: TrialSpec,
        began: float,
        *,
        resources: Mapping[str, Resources] | None = None,
        looked: float = 0.0,
        steal: float = 0.0,
        direct: Direct | None = None,
        cold: Cold | None = None,
        past: int = 0,
        problems: list[str] | None = None,
    ) -> Record:
        return Record(
            result=TrialResult(
                spec=spec,
                elapsed=self._clock.monotonic() - began,
                achieved=0.0,
                generator=NO_LOAD,
                host=Host(steal=steal),
                resources=resources or {},
            ),
            started=began - self._began,
            looked=looked,
            direct=direct,
            cold=cold,
            past=past,
            problems=problems or [],
        )


def _longer(record: Record, seconds: float) -> Record:
    """Return a trial that took so many seconds before its load began."""
    result = record.result
    return msgspec.structs.replace(
        record, result=replace(result, elapsed=result.elapsed + seconds)
    )


def _own_range(prefix: str) -> str:
    """Return a beginning of entity ids that no trial counts."""
    domain, _, name = prefix.partition(".")
    return f"{domain}.direct{name}"
