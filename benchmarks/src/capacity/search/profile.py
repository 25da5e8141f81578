"""How long each part of a search may take, and where it begins."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Self

__all__ = ["FULL", "PROFILES", "QUICK", "STANDARD", "Extras", "Profile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """The lengths in seconds of what is measured after the search; 0 leaves it out.

    `step` is the window at each number of entities, `age` the one before and after
    `past_rate` events a second of a past day are stored. `cold` is the longest wait
    for the compaction of three past days of `cold_rate` events a second. `emit` is
    only for a real Home Assistant.
    """

    idle: float
    direct: float
    emit: float
    low: float = 0.0
    step: float = 0.0
    age: float = 0.0
    past_rate: float = 0.0
    cold: float = 0.0
    cold_rate: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The lengths in seconds and rates in events a second of one kind of search.

    `budget` holds everything from the command to the report; `start_up` of it is
    spent before the first trial and `wind_down` after the last. `overhead` is what a
    trial takes beside its settling, its window and its draining. `rehearsal` is a short
    outage before the long one, of which it tells how fast its backlog will drain.
    `rest` is what the database is given at most before a soak, to compact what the
    search has left.
    `screening` marks a result that may be shown but not promised.
    """

    name: str
    screening: bool
    budget: float
    start_up: float = 30.0
    wind_down: float = 10.0
    overhead: float = 2.0
    preflight: float
    calibrate_start: float
    calibrate_window: float
    warm_up_window: float = 10.0
    warm_up_cap: float = 60.0
    start_rate: float
    max_rate: float = 100_000.0
    settle: float
    window: float
    width: float = 1.10
    confirm_settle: float
    confirm_window: float
    rest: float
    soak: float
    rehearsal: float
    outage: float
    drain: float = 120.0
    extras: Extras

    @property
    def trial_budget(self) -> float:
        """What is left for trials."""
        return self.budget - self.start_up - self.wind_down

    def in_rounds(self, period: float) -> Self:
        """Return the same search with windows of whole rounds of so many seconds.

        The budget stays, so there are fewer trials where rounds are long.
        """

        def whole(seconds: float) -> float:
            return math.ceil(seconds / period - 1e-9) * period

        window = whole(self.warm_up_window)
        return replace(
            self,
            warm_up_window=window,
            warm_up_cap=max(self.warm_up_cap, 2 * window),
            window=whole(self.window),
            confirm_window=whole(self.confirm_window),
            soak=whole(self.soak),
        )


QUICK: Final = Profile(
    name="quick",
    screening=True,
    budget=480.0,
    preflight=6.0,
    calibrate_start=16_000.0,
    calibrate_window=3.0,
    warm_up_cap=30.0,
    start_rate=400.0,
    settle=3.0,
    window=6.0,
    confirm_settle=3.0,
    confirm_window=18.0,
    rest=10.0,
    soak=45.0,
    rehearsal=4.0,
    outage=10.0,
    drain=60.0,
    extras=Extras(idle=10.0, direct=10.0, emit=10.0),
)
"""Screening in 8 minutes: a first idea, not a promise.

Of 480 s the start of the stack takes about 30 s and the report 10 s. On a machine
that carries 16,000 events/s the rest goes, as planned: preflight 8 s, calibration 4
steps in 24 s, warm-up 24 s, four steps up with the repeated fail and its draining
66 s, four bisections 49 s; then a lower and an upper bound confirmed by two trials
each of 18 s, 102 s; 45 s of soak after 10 s of rest at most, 60 s; outages of 4 and
10 s with their draining, 63 s; idle and direct writes, 34 s. That is 430 s of 440;
simulated machines of that speed took 373 s. So both bounds fit if their trials agree;
a third trial or an adjustment fits only if the search was short before, else the search
says `time_budget` and which bounds are confirmed. A stall once a minute is seen by half
of the trials at most, even by the soak, and no compaction is awaited: hence screening.
"""

STANDARD: Final = Profile(
    name="standard",
    screening=False,
    budget=2_700.0,
    preflight=30.0,
    calibrate_start=16_000.0,
    calibrate_window=10.0,
    start_rate=100.0,
    settle=10.0,
    window=20.0,
    confirm_settle=10.0,
    confirm_window=120.0,
    rest=40.0,
    soak=600.0,
    rehearsal=20.0,
    outage=120.0,
    extras=Extras(
        idle=30.0,
        low=60.0,
        direct=30.0,
        emit=20.0,
        step=20.0,
        age=20.0,
        past_rate=10.0,
        cold=60.0,
        cold_rate=2.0,
    ),
)
"""45 minutes: both bounds by trials of 2 minutes, 10 minutes of soak, 2 of outage.

What comes after takes up to 10 minutes: the past is 864,000 points, the days of the
throw-away database 518,400.
"""

FULL: Final = Profile(
    name="full",
    screening=False,
    budget=10_800.0,
    preflight=30.0,
    calibrate_start=1_000.0,
    calibrate_window=20.0,
    start_rate=25.0,
    settle=10.0,
    window=20.0,
    width=1.05,
    confirm_settle=10.0,
    confirm_window=300.0,
    rest=120.0,
    soak=3_600.0,
    rehearsal=60.0,
    outage=600.0,
    extras=Extras(
        idle=60.0,
        low=120.0,
        direct=60.0,
        emit=30.0,
        step=60.0,
        age=60.0,
        past_rate=100.0,
        cold=600.0,
        cold_rate=20.0,
    ),
)
"""Three hours: trials of 5 minutes, an hour of soak, 10 minutes of outage.

The past is 8.6 million points, the days of the throw-away database 5.2 million.
"""

PROFILES: Final = {profile.name: profile for profile in (QUICK, STANDARD, FULL)}
