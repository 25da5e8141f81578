"""What is known of a run, one record for each fact: the rows of a history's files.

All times are microseconds since 1970. `time_us` is the event's own time, by the
source's clock, and part of its key; everything else is the clock of the machine that
runs the suite. The two may differ, and the source's may step.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

GAPS = "gaps"
"""What a `Coverage` of the gap ledger is of."""

Setting = str | int | float | bool | None


class Stage(StrEnum):
    """A place where an event can be, in the order of its way, and `dead_letter`."""

    UNKNOWN = "unknown"
    SOURCE = "source"
    SPOOL = "spool"
    ENRICHMENT = "enrichment"
    DATABASE = "database"
    DEAD_LETTER = "dead_letter"

    @property
    def depth(self) -> int:
        """How far along it is; a dead letter is the end of a way."""
        return _DEPTH[self]


_DEPTH = {stage: depth for depth, stage in enumerate(Stage)}


class Attributes(StrEnum):
    """Where the attributes of a stored row are from."""

    NONE = "none"
    LIVE = "live"
    RECORDED = "recorded"
    BOTH = "both"


class Sent(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One event of the source: on the wire, in its recorder, or neither.

    Attributes:
        serial: unique in the run; the order in which the source made its events.
        state: None where the entity was removed.
        on_wire: at least one subscriber was sent it.
        recorded: the source's history holds it.
        intended_us: when it was due by a true clock, where that is known; it decides
            which fault an event belongs to when the source's own clock steps.
    """

    serial: int
    entity_id: str
    time_us: int
    state: str | None
    on_wire: bool
    recorded: bool = False
    intended_us: int | None = None

    @property
    def acknowledged(self) -> bool:
        """Whether it must be stored: the product could have had it."""
        return self.on_wire or self.recorded

    @property
    def at_us(self) -> int:
        """When it happened, by the clock that does not step, where that is known."""
        return self.time_us if self.intended_us is None else self.intended_us


class Stored(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One row that the database held at the end.

    Attributes:
        state: None where the row tells that the entity was removed.
        serial: the source's serial, where the row's attributes carry it.
        attributes: where they are from.
        seen_us: when somebody first saw the row: the latest time at which it can have
            been stored; None where only the end was looked at.
    """

    entity_id: str
    time_us: int
    state: str | None
    serial: int | None = None
    attributes: Attributes = Attributes.NONE
    seen_us: int | None = None


class Seen(
    Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    omit_defaults=True,
    tag_field="record",
    tag="seen",
):
    """A stage knew this event.

    Attributes:
        attempts: how often the stage handled it, where it counts that.
        detail: the reason of a dead letter, or what else the stage says of it.
    """

    stage: Stage
    entity_id: str
    time_us: int
    attempts: int = 1
    detail: str = ""


class Coverage(
    Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="record",
    tag="coverage",
):
    """Whether a stage's events, or the gap ledger, could be listed.

    Only where they could, what is not listed was not there.

    Attributes:
        of: value of a `Stage`, or `GAPS` for the product's gap ledger.
        complete: everything that is held there is in the history.
        reason: why not.
    """

    of: str
    complete: bool
    reason: str = ""


class Counters(
    Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="record",
    tag="counters",
):
    """What a service counts, at one moment.

    Attributes:
        source: who says it, such as `websocket-ingestion` or `admin-api`.
        values: name to value, such as `received`, `written`, `merged`.
    """

    source: str
    at_us: int
    values: dict[str, int]


class GapRow(
    Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="record",
    tag="gap",
):
    """One row of the product's gap ledger, as `/v1/gaps` tells it.

    Attributes:
        from_us: the source's clock: the last event that was durable before.
        until_us: the source's clock: the newest change at the subscription.
        closed: whether the product is done with it.
        entities: entities that changed in the gap.
        expected: changes that are known to have been missed.
        recovered: of those, stored now.
        unrecoverable: entities of which changes may be missing for good.
    """

    id: int
    cause: str
    from_us: int
    until_us: int | None = None
    closed: bool = False
    entities: int = 0
    expected: int = 0
    recovered: int = 0
    unrecoverable: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


StageRecord = Seen | Coverage | Counters | GapRow


class FaultProof(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fault that was tried, and what shows whether it happened.

    Attributes:
        kind: such as `SIGKILL` or `network cut`.
        target: the service or the link that it hits.
        expected: the evidence that must be there if the fault happened.
        observed: what was there.
        bitten: whether the fault happened; a run with one that did not is unknown.
        started_us: when it began.
        healed_us: when its cause was taken away; None while it lasts.
        ready_us: when the data path was ready again; None if that was not seen.
        budget_us: how long `recovery_us` may be; None for no promise.
    """

    kind: str
    target: str
    expected: str
    observed: str
    bitten: bool
    started_us: int
    healed_us: int | None = None
    ready_us: int | None = None
    budget_us: int | None = None

    @property
    def name(self) -> str:
        """Kind and target."""
        return f"{self.kind} of {self.target}"

    @property
    def recovery_us(self) -> int | None:
        """From the cure to ready: the measured RTO; None if it was not seen.

        A fault that nobody has to cure, such as a crash, counts from its beginning.
        """
        if self.ready_us is None:
            return None
        cured_us = self.started_us if self.healed_us is None else self.healed_us
        return max(0, self.ready_us - cured_us)

    @property
    def over_us(self) -> int | None:
        """When it was over for the data path, as far as that is known."""
        return self.healed_us if self.ready_us is None else self.ready_us
