"""A check of the matrix: written once, judged under every scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stackproof.check import Fact, Finding, Verdict, failed, passed, undecided
from stackproof.oracle import Flaw

from ..observation import Observation
from ..world import World

__all__ = [
    "Check",
    "Fact",
    "Finding",
    "Verdict",
    "by_oracle",
    "failed",
    "judged",
    "passed",
    "undecided",
]


def _nothing(_world: World) -> None:
    """Add nothing to the traffic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise about the data path.

    Attributes:
        name: on the command line and in the report.
        promise: what must hold, as one sentence.
        judge: decides it from what was observed (pure).
        populate: adds to the traffic before the fault.
        perturb: adds to the traffic while the fault lasts.
        reads: parts of the observation without which nothing can be said.
    """

    name: str
    promise: str
    judge: Callable[[Observation], Finding] = field(repr=False, compare=False)
    populate: Callable[[World], None] = field(
        default=_nothing, repr=False, compare=False
    )
    perturb: Callable[[World], None] = field(
        default=_nothing, repr=False, compare=False
    )
    reads: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


def judged(check: Check, seen: Observation) -> Finding:
    """Return what a check finds; nothing is green that was not really tried (pure).

    A run whose fault did not happen, or whose record has a hole, decides nothing.
    """
    if seen.problems:
        return undecided("; ".join(seen.problems))
    if seen.judgement is None or not seen.proofs:
        return undecided("no fault was tried, or no history was saved")
    if seen.judgement.unproven:
        return undecided("; ".join(seen.judgement.unproven))
    holes = [
        f"{part}: {seen.missing[part]}" for part in check.reads if part in seen.missing
    ]
    if holes:
        return undecided(f"could not be read: {'; '.join(holes)}")
    return check.judge(seen)


def by_oracle(
    seen: Observation,
    *flaws: Flaw,
    observed: str,
    facts: Mapping[str, Fact] | None = None,
) -> Finding:
    """Return what the oracle says about some flaws (pure).

    Args:
        seen: what was observed.
        flaws: together they are what the check is about.
        observed: what there is to say when none was found.
        facts: figures for the report.
    """
    if seen.judgement is None:
        return undecided("there is no history to be judged")
    verdict = seen.judgement.verdict_of(*flaws)
    why = seen.judgement.why(*flaws)
    told = observed if verdict is Verdict.PASS else "; ".join(why)
    message = "" if verdict is Verdict.PASS else "; ".join(why)
    return Finding(
        verdict=verdict, observed=told, message=message, facts=dict(facts or {})
    )
