"""How long the parts of a search usually take. Pure."""

from __future__ import annotations

from typing import Final

from ..trial import Phase
from .profile import Profile

__all__ = [
    "DRAIN_SLACK",
    "SUSTAINED_SHARE",
    "USUAL_TRIALS",
    "drain_time",
    "long_outage",
    "usual",
]

SUSTAINED_SHARE: Final = 0.7
"""Of the edge: the rate that a soak tries first."""
DRAIN_SLACK: Final = 1.2
USUAL_TRIALS: Final = {
    Phase.PREFLIGHT: 1,
    Phase.CALIBRATE: 6,
    Phase.WARM_UP: 2,
    Phase.BRACKET: 8,
    Phase.BISECT: 3,
    Phase.CONFIRM_LOWER: 2,
    Phase.CONFIRM_UPPER: 2,
    Phase.SUSTAINED: 1,
    Phase.OUTAGE: 1,
}
"""How many trials each phase of a search has, in their order."""


def usual(profile: Profile, phase: Phase) -> float:
    """Return the seconds of a trial of a phase; of OUTAGE, both outages."""
    p = profile
    length = {
        Phase.PREFLIGHT: p.preflight,
        Phase.CALIBRATE: 1.0 + p.calibrate_window,
        Phase.WARM_UP: p.warm_up_window,
        Phase.BRACKET: p.settle + p.window,
        Phase.BISECT: p.settle + p.window,
        Phase.CONFIRM_LOWER: p.confirm_settle + p.confirm_window,
        Phase.CONFIRM_UPPER: p.confirm_settle + p.confirm_window,
        Phase.SUSTAINED: p.rest + p.confirm_settle + p.soak,
        Phase.OUTAGE: p.settle
        + p.rehearsal
        + drain_time(p.rehearsal)
        + p.overhead
        + long_outage(p),
    }
    return length[phase] + p.overhead


def long_outage(profile: Profile) -> float:
    """Return the seconds of the outage that the report tells of, with its draining."""
    return profile.confirm_settle + profile.outage + drain_time(profile.outage)


def drain_time(outage: float) -> float:
    """Return how long a backlog of `outage` seconds takes at the sustained share."""
    return DRAIN_SLACK * outage * SUSTAINED_SHARE / (1 - SUSTAINED_SHARE)
