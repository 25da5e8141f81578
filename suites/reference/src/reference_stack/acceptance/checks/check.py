"""A check of the matrix: written once, judged under every scenario."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from stackproof.check import Finding, Verdict, failed, passed, undecided

from ..observation import Observation
from ..world import World

__all__ = ["Check", "Finding", "Verdict", "failed", "judged", "passed", "undecided"]


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
    if not seen.proofs:
        return undecided("no fault was tried")
    toothless = [proof for proof in seen.proofs if not proof.bitten]
    if toothless:
        told = "; ".join(
            f"{proof.kind} of {proof.target}: expected {proof.expected}, "
            f"observed {proof.observed}"
            for proof in toothless
        )
        return undecided(f"the fault did not happen: {told}")
    holes = [f"{part}: {seen.missing[part]}" for part in check.reads if part in seen.missing]
    if holes:
        return undecided(f"could not be read: {'; '.join(holes)}")
    return check.judge(seen)
