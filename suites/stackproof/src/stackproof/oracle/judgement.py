"""What the oracle says of a run: counts, findings with evidence, and one verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from ..check import Verdict
from .impact import NO_LOSS, FaultImpact, LossWindow
from .records import Stage

SCHEMA_VERSION = 1
"""Raised when a reader of the last one would stumble; new fields alone do not."""


class Flaw(StrEnum):
    """A way in which an event, or the run, is not as it must be.

    LOST: acknowledged, and not stored under its key nor under any other.
    DUPLICATED: stored more often than once: two rows with its key (InfluxDB merges
    equal keys, so they differ in a tag), or a row under another time that carries its
    serial while its own key is stored too. A second attempt that was merged into the
    same row is no duplicate; such attempts are counted as `repeated`.
    CORRUPTED: its row holds a state that the source never gave this key, or its serial
    is stored under another key only.
    UNEXPECTED: a row within the scope whose key the source never made.
    LATE: stored after its deadline.
    REORDERED: an older event took the place of a newer one: in the same key, or in the
    order in time of an entity's rows.
    GAP: a row of the gap ledger is false, or a gap has no row.
    COUNTER: counters of a service that do not add up.
    RECOVERY: a fault from which the data path took longer than promised.
    """

    LOST = "lost"
    DUPLICATED = "duplicated"
    CORRUPTED = "corrupted"
    UNEXPECTED = "unexpected"
    LATE = "late"
    REORDERED = "reordered"
    GAP = "gap"
    COUNTER = "counter"
    RECOVERY = "recovery"

    @property
    def told(self) -> str:
        """What a sentence calls it, after a number."""
        return _TOLD.get(self, str(self))


_TOLD = {
    Flaw.GAP: "wrong about gaps",
    Flaw.COUNTER: "sums that do not hold",
    Flaw.RECOVERY: "too slow to recover",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One event, row or fact that shows a flaw.

    Attributes:
        serial: the source's number of the event; None for a row that it never made.
        expected: what should have been there.
        found: what was there.
        stage: where a lost one was last seen.
    """

    entity_id: str = ""
    time_us: int | None = None
    serial: int | None = None
    expected: str = ""
    found: str = ""
    stage: Stage | None = None

    def __str__(self) -> str:
        whose = f"{self.entity_id}@{self.time_us}" if self.entity_id else ""
        serial = "" if self.serial is None else f"serial {self.serial}"
        stage = "" if self.stage is None else f"last seen: {self.stage}"
        expected = f"expected {self.expected}" if self.expected else ""
        parts = (whose, serial, expected, self.found, stage)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """All that shows one flaw.

    Attributes:
        examples: the first ones, in the order of their times.
        first_us: time of the first one, where the flaw has one.
        last_us: time of the last one.
    """

    count: int
    examples: tuple[Example, ...] = ()
    first_us: int | None = None
    last_us: int | None = None


NOTHING_FOUND = Finding(count=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Numbers of a run, within its scope. Events are counted by key.

    Attributes:
        events: what the source made.
        acknowledged: of those, on the wire or in the source's recorder.
        indeterminate: neither: they may be stored or not.
        stored: of all, found in the database.
        dead_lettered: acknowledged, not stored, and kept with a reason.
        unknown: of which it cannot be told whether they are lost.
        rows: rows of the database.
        background: rows of entities that the run does not answer for.
        recorded_attributes: rows whose attributes are from history only.
        repeated: attempts of stages beyond the first that changed nothing.
    """

    events: int = 0
    acknowledged: int = 0
    indeterminate: int = 0
    stored: int = 0
    dead_lettered: int = 0
    unknown: int = 0
    rows: int = 0
    background: int = 0
    recorded_attributes: int = 0
    repeated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict of a run with everything it rests on.

    Attributes:
        scenario: name of what was done.
        findings: each flaw that was judged; a flaw without a promise is not in it.
        undecided: flaw to why its absence is not proven; those found stay found.
        unproven: why the run as a whole proves nothing: a fault that did not bite, a
            ledger that is capped.
        last_seen: where lost events were last seen.
        loss: the times in which acknowledged events are missing.
        faults: what each fault did to the data.
    """

    scenario: str
    tally: Tally
    findings: Mapping[Flaw, Finding]
    undecided: Mapping[Flaw, tuple[str, ...]] = field(default_factory=dict)
    unproven: tuple[str, ...] = ()
    last_seen: Mapping[Stage, int] = field(default_factory=dict)
    loss: LossWindow = NO_LOSS
    faults: tuple[FaultImpact, ...] = ()

    def verdict_of(self, *flaws: Flaw) -> Verdict:
        """Return the verdict about some flaws together; what was found is a fail."""
        if any(self.findings.get(flaw, NOTHING_FOUND).count for flaw in flaws):
            return Verdict.FAIL
        judged = any(flaw in self.findings for flaw in flaws)
        if not judged or self.unproven or any(self.undecided.get(f) for f in flaws):
            return Verdict.UNKNOWN
        return Verdict.PASS

    @property
    def verdict(self) -> Verdict:
        """The verdict of the run."""
        if not self.findings:
            return Verdict.UNKNOWN
        seen = {self.verdict_of(flaw) for flaw in self.findings}
        if Verdict.FAIL in seen:
            return Verdict.FAIL
        return Verdict.UNKNOWN if Verdict.UNKNOWN in seen else Verdict.PASS

    def count(self, flaw: Flaw) -> int:
        """Return how often a flaw was found."""
        return self.findings.get(flaw, NOTHING_FOUND).count

    def why(self, *flaws: Flaw) -> tuple[str, ...]:
        """Return the sentences behind the verdict about some flaws."""
        found = [
            f"{self.findings[flaw].count:,} {flaw.told}, such as {example}"
            for flaw in flaws
            if flaw in self.findings
            for example in self.findings[flaw].examples[:1]
        ]
        open_ones = [
            reason for flaw in flaws for reason in self.undecided.get(flaw, ())
        ]
        return tuple(dict.fromkeys([*found, *self.unproven, *open_ones]))

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        document = {
            "schema_version": SCHEMA_VERSION,
            "scenario": self.scenario,
            "verdict": str(self.verdict),
            "tally": asdict(self.tally),
            "flaws": [
                {
                    "flaw": str(flaw),
                    "verdict": str(self.verdict_of(flaw)),
                    "undecided": self.undecided.get(flaw, ()),
                    **asdict(finding),
                }
                for flaw, finding in self.findings.items()
            ],
            "unproven": self.unproven,
            "last_seen": {str(s): n for s, n in self.last_seen.items()},
            "loss": asdict(self.loss),
            "faults": [impact.document() for impact in self.faults],
        }
        plain: dict[str, Any] = _plain(document)
        return plain

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        t = self.tally
        yield (
            f"{self.scenario}: {self.verdict}: {t.stored:,} of {t.events:,} events "
            f"stored, {t.acknowledged:,} had to be, {t.rows:,} rows read"
        )
        for flaw, finding in self.findings.items():
            if finding.count:
                yield f"  {finding.count:,} {flaw.told}"
                yield from (f"    {example}" for example in finding.examples)
        if self.last_seen:
            yield f"  last seen: {_listed(self.last_seen)}"
        if self.loss.count:
            yield f"  loss windows: {self.loss}"
        for impact in self.faults:
            yield f"  fault: {impact}"
        if t.unknown:
            yield f"  {t.unknown:,} events unknown"
        open_ones = (r for reasons in self.undecided.values() for r in reasons)
        for reason in dict.fromkeys([*self.unproven, *open_ones]):
            yield f"  unknown: {reason}"


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict over several; none at all is unknown."""
    seen = set(verdicts)
    if Verdict.FAIL in seen:
        return Verdict.FAIL
    return Verdict.PASS if seen == {Verdict.PASS} else Verdict.UNKNOWN


def _listed(numbers: Mapping[Stage, int]) -> str:
    return ", ".join(f"{number:,} at {stage}" for stage, number in numbers.items())


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case StrEnum():
            return str(value)
        case _:
            return value
