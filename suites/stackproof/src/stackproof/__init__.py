"""Drive and observe a Docker Compose stack from tests.

`stackproof.oracle` judges what a source made against what a database holds;
`stackproof.influx` reads back from InfluxDB and needs the extra `stackproof[influx]`;
`stackproof.pytest_plugin` is loaded by pytest itself. None is imported here.
"""

from __future__ import annotations

from .compose import Compose, Endpoint
from .conditions import (
    all_healthy,
    all_stopped,
    any_failed,
    any_unhealthy,
    failed_containers,
)
from .errors import (
    ComposeError,
    ComposeTimeout,
    EventsLost,
    ModelError,
    NoFreeSubnet,
    StackproofError,
    StoreError,
    WaitFailed,
    WaitTimeout,
)
from .events import Event, EventRecorder, Timeline
from .evidence import Collected, EvidenceSource, StackEvidence, engine_inspect
from .faults import killed, paused, stopped
from .model import (
    Condition,
    Container,
    Dependency,
    Health,
    Healthcheck,
    Service,
    Snapshot,
    StackModel,
    State,
)
from .order import OrderViolation, Reason, start_order
from .stops import Stop, stops
from .subnet import find_free_subnet
from .wait import Clock, never, wait_until

__all__ = [
    "Clock",
    "Collected",
    "Compose",
    "ComposeError",
    "ComposeTimeout",
    "Condition",
    "Container",
    "Dependency",
    "Endpoint",
    "Event",
    "EventRecorder",
    "EventsLost",
    "EvidenceSource",
    "Health",
    "Healthcheck",
    "ModelError",
    "NoFreeSubnet",
    "OrderViolation",
    "Reason",
    "Service",
    "Snapshot",
    "StackEvidence",
    "StackModel",
    "StackproofError",
    "State",
    "Stop",
    "StoreError",
    "Timeline",
    "WaitFailed",
    "WaitTimeout",
    "all_healthy",
    "all_stopped",
    "any_failed",
    "any_unhealthy",
    "engine_inspect",
    "failed_containers",
    "find_free_subnet",
    "killed",
    "never",
    "paused",
    "start_order",
    "stopped",
    "stops",
    "wait_until",
]
