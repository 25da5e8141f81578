"""The head of a history: what ran, from when to when, and under which limits."""

from __future__ import annotations

from msgspec import Struct, field

from .records import Setting

SCHEMA_VERSION = 1
"""Raised when a reader of the last one would stumble; new fields alone do not."""


class Planned(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fault that the schedule asks for; one without a `FaultProof` makes unknown.

    Attributes:
        after_s: seconds from the start of the run.
        lasts_s: seconds until it is healed; None for a fault without duration.
    """

    kind: str
    target: str
    after_s: float = 0.0
    lasts_s: float | None = None


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the run promises, beyond losing nothing.

    Attributes:
        late_us: how long an event may take into the database, counted from when it
            happened, or from the cure of the fault that it fell into; None for ever.
        dead_letters: whether an event among the dead letters, with its reason, counts
            as kept: for scenarios that send what cannot be stored.
    """

    late_us: int | None = None
    dead_letters: bool = False


class RunRecord(Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        source: kind of the source: `simulator` or `homeassistant`.
        scenario: name of what was done to the stack.
        started_us: when traffic began.
        ended_us: when the last read was done; None in a run that was interrupted.
        run_ids: the source's names for the traffic.
        seed: what repeats the schedule.
        scope: patterns of entity ids (`sensor.run1_*`) that the run answers for; rows
            of others are background and not judged. Empty for all.
        schedule: the faults that were planned.
        settings: what else the run was set to, such as the rate.
        images: service to image id.
        capped: the source's ledger has dropped its oldest events, so that not all
            that was sent is known.
        problems: why something could not be read back; each makes the run unknown.
        schema_version: of the folder.
    """

    source: str
    scenario: str
    started_us: int
    ended_us: int | None = None
    run_ids: tuple[str, ...] = ()
    seed: int | None = None
    scope: tuple[str, ...] = ()
    schedule: tuple[Planned, ...] = ()
    limits: Limits = Limits()
    settings: dict[str, Setting] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    capped: bool = False
    problems: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION
