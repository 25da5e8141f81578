"""Drive a search to its end, or to an interruption, and keep each trial at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from . import document as doc
from .errors import BadAnswer, LoadFailed, RunUnusable, SearchMismatch
from .judge_trial import Judgement, judge
from .kept import Begun, Kept, Record
from .progress import Teller
from .search import PROFILES, Done, Profile, Search
from .trial import CYCLIC, Arrival, Phase, Slo, TrialSpec

__all__ = ["Driven", "drive", "profile_of", "resumed"]

_SAME: Final = (
    "profile",
    "slo_p99",
    "arrival",
    "period",
    "trace",
    "entry",
    "entities",
    "entity_growth",
    "payload_bytes",
    "skip",
)
"""What a resumed run must be asked for as before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """What came of it: `done` is None if the run ended early.

    `problem` says why, unless somebody has interrupted it.
    """

    done: Done | None
    records: tuple[tuple[Record, Judgement], ...]
    problem: str = ""


def drive(
    search: Search,
    measure: Callable[[TrialSpec], Record],
    *,
    kept: Kept,
    slo: Slo,
    teller: Teller,
) -> Driven:
    """Make the trials that the search asks for until it knows enough.

    Ctrl-C ends it, and so does a stack that no longer answers; what was measured until
    then is kept and returned.
    """
    try:
        while isinstance(spec := search.next(), TrialSpec):
            teller.begins(spec, search.progress())
            record = measure(spec)
            kept.keep(record)
            search.observe(record.result)
            teller.ended(record.result, judge(record.result, slo))
    except KeyboardInterrupt:
        teller.said("interrupted: what was measured is kept")
        return Driven(done=None, records=_judged(kept, slo))
    except (BadAnswer, LoadFailed) as err:
        teller.said(f"ended early: {err}")
        return Driven(done=None, records=_judged(kept, slo), problem=str(err))
    return Driven(done=spec, records=_judged(kept, slo))


def resumed(kept: Kept, begun: Begun, slo: Slo) -> Search:
    """Return the search as it was after the trials that were kept.

    Raises:
        RunUnusable: they were made otherwise than it is asked for now.
    """
    old = kept.begun()
    for name in _SAME:
        was, wanted = getattr(old, name), getattr(begun, name)
        if was != wanted:
            problem = f"{name} was {was}, and is {wanted} now"
            raise RunUnusable(str(kept.folder), problem)
    try:
        return Search.replay(
            profile_of(old),
            slo,
            (record.result for record in kept.records()),
            arrival=Arrival(old.arrival),
            skip=map(Phase, old.skip),
            real=old.entry == doc.Entry.REAL_HA,
        )
    except SearchMismatch as err:
        raise RunUnusable(str(kept.folder), str(err)) from err


def profile_of(begun: Begun) -> Profile:
    """Return the profile, with the time that starting really took.

    A slow start leaves less for trials: the whole stays within the budget. Windows
    hold whole rounds of a load that comes in rounds.
    """
    profile = PROFILES[begun.profile]
    if begun.arrival in CYCLIC:
        profile = profile.in_rounds(begun.period)
    return replace(profile, start_up=max(profile.start_up, begun.start_up))


def _judged(kept: Kept, slo: Slo) -> tuple[tuple[Record, Judgement], ...]:
    return tuple((record, judge(record.result, slo)) for record in kept.records())
