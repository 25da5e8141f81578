"""ORDER: services start and stop in the order that `depends_on` promises."""

from __future__ import annotations

from collections.abc import Iterator

from ..check import Check, Claim, Finding, Kind, Phase, Subject, passed
from ..contract.source import Contract
from ..model import Dependency
from ..order import start_order
from ..verify.stack import Stack


def _edges(contract: Contract) -> Iterator[Claim]:
    for service in contract.model.services.values():
        for edge in service.depends_on:
            key = f"depends_on.{edge.service}"
            yield Claim(
                subject=Subject(service=service.name, peer=edge.service, key=key),
                label=f"{service.name} after {edge.service}: {edge.condition}",
                promised=f"starts after {edge.service} is {edge.condition}",
                detail=edge,
            )


def _judge_start(claim: Claim, stack: Stack) -> Finding:
    assert isinstance(claim.detail, Dependency)
    return passed()


CHECKS = (
    Check(
        id="ORDER-01",
        title="A service starts after what it depends on",
        kind=Kind.PROMISE,
        phase=Phase.START,
        live=False,
        proves="",
        how="",
        why="",
        fix="",
        claims=_edges,
        judge=_judge_start,
    ),
)
