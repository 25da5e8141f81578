"""The scenarios of the matrix."""

from __future__ import annotations

from ..project import DATABASE, LONG_RUNNING
from . import faults
from .scenario import Scenario, Subscription
from .world import ADMIN, ENRICHMENT, INGESTION

_SHORT = {
    INGESTION: "ingestion",
    ENRICHMENT: "enrichment",
    ADMIN: "admin",
    DATABASE: "influxdb",
}


def _subscription(*services: str) -> Subscription:
    """Return what the end of services does to the subscription."""
    return Subscription.BREAKS if INGESTION in services else Subscription.HOLDS


def _ends() -> tuple[Scenario, ...]:
    """Return the scenarios that end each service, and all of them at once."""
    sets = [*((name,) for name in LONG_RUNNING), LONG_RUNNING]
    found = []
    for services in sets:
        short = "all" if len(services) > 1 else _SHORT[services[0]]
        told = "all services at once" if len(services) > 1 else services[0]
        alone = len(services) == 1
        found += [
            Scenario(
                name=f"sigterm-{short}",
                title=f"SIGTERM to {told}, and a start",
                fault=faults.sigterm(*services),
                disturbance="SIGTERM",
                hits=services,
                subscription=_subscription(*services),
                fast=services == (INGESTION,),
            ),
            Scenario(
                name=f"sigkill-{short}",
                title=f"SIGKILL of {told}",
                fault=faults.sigkill(*services),
                disturbance="SIGKILL",
                hits=services,
                subscription=_subscription(*services),
                fast=services in {(INGESTION,), (DATABASE,)} or not alone,
            ),
        ]
        if alone:
            found.append(
                Scenario(
                    name=f"oom-{short}",
                    title=f"the kernel kills {told} for want of memory",
                    fault=faults.out_of_memory(*services),
                    disturbance="OOM kill",
                    hits=services,
                    subscription=_subscription(*services),
                )
            )
    return tuple(found)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="none",
        title="nothing is done",
        fault=faults.nothing,
        fast=True,
    ),
    *_ends(),
)
