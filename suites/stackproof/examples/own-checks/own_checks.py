"""DEMO: rules of one's own, judged beside those of stackproof."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stackproof.check import (
    Check,
    Claim,
    Finding,
    Kind,
    Phase,
    Subject,
    failed,
    passed,
)
from stackproof.contract.source import Contract
from stackproof.verify.stack import Stack

OWNER = "org.example.owner"


def _each_service(contract: Contract) -> Iterator[Claim]:
    """Claim an owner for every service; a pure function of what is declared."""
    for name in contract.model.services:
        yield Claim(
            subject=Subject(service=name),
            label=name,
            promised=f"carries the label {OWNER}",
        )


def _judge(claim: Claim, stack: Stack) -> Finding:
    """Observe, thinly; errors of the engine become `unknown` by themselves."""
    service = claim.subject.service or ""
    return judge_labels(stack.container(service).config.get("Labels") or {})


def judge_labels(labels: Mapping[str, str]) -> Finding:
    """Judge; this half is tested without an engine."""
    owner = labels.get(OWNER, "").strip()
    if owner:
        return passed(f"owned by {owner}")
    return failed("no owner", f"Nobody is called at night: add the label {OWNER}.")


CHECKS = (
    Check(
        id="DEMO-01",
        title="A service has an owner",
        kind=Kind.POLICY,
        phase=Phase.LOOK,
        live=True,
        proves="Every container names the team that runs it.",
        how="The labels in the engine's inspect document are read.",
        why="A service that nobody owns is repaired by nobody.",
        fix=f"Add the label {OWNER} to the service.",
        claims=_each_service,
        judge=_judge,
    ),
)
