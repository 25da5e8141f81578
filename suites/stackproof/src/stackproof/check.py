"""What a check is: a rule with a stable id, what it asks of a file, and its verdict.

A check has two halves. `claims` reads the contract and says what there is to prove, one
claim each; nothing is started for it. `judge` observes one claim on a stack and returns
a finding; by convention it is a thin function that collects facts and hands them to a
pure one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contract.source import Contract
    from .verify.stack import Stack

ENGINE_RESTART = "engine-restart"
"""What a check needs that restarts the engine, and with it every container on it."""

Fact = str | int | float | bool | None


class Kind(StrEnum):
    """Whether the file says it, or good practice does."""

    PROMISE = "promise"
    POLICY = "policy"


class Verdict(StrEnum):
    """The outcome of one case; only `fail` and `unknown` are red."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_PROMISED = "not_promised"
    IGNORED = "ignored"


class Phase(IntEnum):
    """When a check runs, and what it may do; later phases disturb more.

    FILE needs no container. START judges the record of the start. LOOK reads from
    outside and from the namespaces. PROBE disturbs a service for a moment and heals it.
    STOP ends containers and starts them again. RECREATE removes and makes them anew.
    ENGINE restarts the engine: nothing that needs the record of events can follow.
    """

    FILE = 0
    START = 1
    LOOK = 2
    PROBE = 3
    STOP = 4
    RECREATE = 5
    ENGINE = 6

    @property
    def destructive(self) -> bool:
        """Whether a service may notice."""
        return self >= Phase.PROBE


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a claim is about.

    Attributes:
        service: name in the file; None for the file, a network or a volume.
        peer: the other service of an edge.
        key: dotted path below the service, or below the file where there is none.
    """

    service: str | None = None
    peer: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One thing to be proven.

    Attributes:
        label: unique within the check; stands in brackets behind its id.
        promised: what has to hold, as one phrase.
        keys: all declared keys that the case accounts for, as dotted paths like the
            subject's; the subject's own key is one of them without being named.
        detail: whatever `judge` needs to find the declared value again.
    """

    subject: Subject
    label: str
    promised: str
    keys: tuple[str, ...] = ()
    detail: object = field(default=None, compare=False)

    @property
    def covered(self) -> tuple[str, ...]:
        """All keys that the claim accounts for."""
        own = () if self.subject.key is None else (self.subject.key,)
        return tuple(dict.fromkeys((*own, *self.keys)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an observation came to.

    Attributes:
        verdict: pass, fail or unknown; a failing policy becomes `not_promised` outside
            of the check.
        observed: what was seen, as one phrase.
        message: why it failed or could not be decided, and what to do.
        facts: figures for the report, named with their unit: {"stop_seconds": 0.2}.
    """

    verdict: Verdict
    observed: str = ""
    message: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule.

    Attributes:
        id: family, hyphen, number: "ORDER-01"; never given to another rule.
        title: the rule in one line.
        kind: promise or policy.
        phase: when it runs.
        live: safe on a production stack: neither writes, stops nor executes anything
            in a container. Only checks up to LOOK can be.
        proves: what a pass means.
        how: how it is observed.
        why: what goes wrong in practice without it.
        fix: what to do about a failure.
        needs: what the user has to allow before the check takes part at all.
        claims: reads what there is to prove from the contract.
        judge: observes one claim. It may raise what a driver of the engine raises: the
            caller makes `unknown` of it.
    """

    id: str
    title: str
    kind: Kind
    phase: Phase
    live: bool
    proves: str
    how: str
    why: str
    fix: str
    claims: Callable[[Contract], Iterable[Claim]] = field(repr=False, compare=False)
    judge: Callable[[Claim, Stack], Finding] = field(repr=False, compare=False)
    needs: frozenset[str] = frozenset()

    @property
    def family(self) -> str:
        """First part of the id: "ORDER"."""
        return self.id.partition("-")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A check and one claim: what becomes one test.

    Attributes:
        ignored: the reason, where the file or the caller declares an exception.
    """

    check: Check
    claim: Claim
    ignored: str | None = None

    def __str__(self) -> str:
        return f"{self.check.id}[{self.claim.label}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A case, decided; `seconds` is the wall time that it took."""

    case: Case
    verdict: Verdict
    finding: Finding
    seconds: float


def passed(observed: str = "", **facts: Fact) -> Finding:
    """Return a finding that the claim holds."""
    return Finding(verdict=Verdict.PASS, observed=observed, facts=facts)


def failed(observed: str, message: str, **facts: Fact) -> Finding:
    """Return a finding that the claim does not hold; the message names the fix."""
    return Finding(
        verdict=Verdict.FAIL, observed=observed, message=message, facts=facts
    )


def undecided(message: str, observed: str = "", **facts: Fact) -> Finding:
    """Return a finding that nothing can be said, and why."""
    return Finding(
        verdict=Verdict.UNKNOWN, observed=observed, message=message, facts=facts
    )


def final_verdict(case: Case, finding: Finding, *, strict: bool) -> Verdict:
    """Return what a finding counts as: ignores and the two kinds are applied here."""
    if case.ignored is not None:
        return Verdict.IGNORED
    lenient = case.check.kind is Kind.POLICY and not strict
    if finding.verdict is Verdict.FAIL and lenient:
        return Verdict.NOT_PROMISED
    return finding.verdict
