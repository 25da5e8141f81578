"""What is measured after the search, and in which order. Pure.

None of it moves the edge or the sustained rate. What no time is left for is not made,
and the report says that it was not measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..trial import Phase
from .profile import Profile

__all__ = ["EXTRAS", "RESERVED", "Extra", "extras_of"]

EXTRAS: Final = (
    Phase.EMIT,
    Phase.IDLE,
    Phase.LOW,
    Phase.DIRECT,
    Phase.COLD,
    Phase.CARDINALITY,
    Phase.AGE,
)
RESERVED: Final = frozenset({Phase.EMIT, Phase.IDLE, Phase.LOW, Phase.DIRECT})
"""For these the confirmation leaves time; they are short, and come first."""
LOW_RATE: Final = 300.0
"""Events a second of a large home."""
ENTITIES: Final = (1_000, 10_000, 100_000)
SHARE: Final = 0.5
"""Of the sustained rate: what many entities cost must not meet the edge."""
FIRST_HOURS: Final = 1.0
HOURS: Final = 24.0
COLD_HOURS: Final = 72.0
DIRECT_SETTLE: Final = 2.0
IDLE_SETTLE: Final = 3.0
LINES_PER_SECOND: Final = 20_000.0
"""At which the past is written, as planned; a slower database overdraws the budget."""
OVERLOAD: Final = 4.0
"""Times the edge: what no source is asked for in vain."""
SWAP: Final = 10.0
"""Seconds until ingestion has ended and is back with what it missed, as planned."""
REST: Final = 5.0
"""Seconds until the database is at rest before a load, as planned."""
_NEW_ENTITIES: Final = 1.5
"""Settling lasts so much longer than each entity needs for its first event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """One trial after the search; the names are those of `TrialSpec`."""

    phase: Phase
    rate: float = 0.0
    settle: float = 0.0
    window: float
    entities: int | None = None
    past_hours: float = 0.0
    past_rate: float = 0.0

    @property
    def filling(self) -> float:
        """Seconds of writing past the services, beside the window, as planned."""
        points = 3_600 * self.past_hours * self.past_rate
        # Twice with a reader alone, twice with the stack.
        again = 2 * SWAP + 3 * (self.settle + self.window)
        again = again if self.phase is Phase.EMIT else 0.0
        rest = REST if self.past_rate or self.entities else 0.0
        return again + points / LINES_PER_SECOND + rest


def extras_of(
    profile: Profile, *, sustained: float | None, emit: float | None = None
) -> Iterator[Extra]:
    """Yield the trials in the order of `EXTRAS`, then the entities' in reverse.

    `emit` is the rate that a real Home Assistant is asked for, None if the source is
    none; what it sends is then held against what it can send, not against direct
    writes. Without a sustained rate nothing is loaded: there is no rate known to be
    safe.
    """
    x = profile.extras
    settle = profile.confirm_settle
    if x.emit and emit is not None:
        yield Extra(phase=Phase.EMIT, rate=emit, settle=settle, window=x.emit)
    if x.idle:
        yield Extra(phase=Phase.IDLE, settle=IDLE_SETTLE, window=x.idle)
    if x.low and sustained is not None and sustained >= LOW_RATE:
        yield Extra(phase=Phase.LOW, rate=LOW_RATE, settle=settle, window=x.low)
    if x.direct and emit is None:
        yield Extra(
            phase=Phase.DIRECT,
            settle=DIRECT_SETTLE,
            window=x.direct,
            past_rate=sustained or LOW_RATE,
        )
    if x.cold:
        yield Extra(
            phase=Phase.COLD,
            window=x.cold,
            past_hours=COLD_HOURS,
            past_rate=x.cold_rate,
        )
    steps: list[Extra] = []
    if sustained is not None:
        at = max(1.0, SHARE * sustained)
        steps += _entity_steps(profile, rate=at)
        yield from steps
        yield from _ages(profile, rate=at)
    # A host that becomes slower or faster with time then does so for each step alike.
    yield from reversed(steps)


def _entity_steps(profile: Profile, *, rate: float) -> Iterator[Extra]:
    if not profile.extras.step:
        return
    for entities in ENTITIES:
        yield Extra(
            phase=Phase.CARDINALITY,
            rate=rate,
            settle=max(profile.confirm_settle, _NEW_ENTITIES * entities / rate),
            window=profile.extras.step,
            entities=entities,
        )


def _ages(profile: Profile, *, rate: float) -> Iterator[Extra]:
    x, settle = profile.extras, profile.confirm_settle
    if x.age:
        for hours in (FIRST_HOURS, HOURS):
            yield Extra(
                phase=Phase.AGE,
                rate=rate,
                settle=settle,
                window=x.age,
                past_hours=hours,
                past_rate=x.past_rate,
            )
