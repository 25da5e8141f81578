"""The scenarios of the matrix."""

from __future__ import annotations

from dataclasses import replace

from ..project import DATABASE, LONG_RUNNING, SourceKind
from .faults import database, deployment, disks, ends, network, source
from .scenario import Scenario, Subscription
from .world import ADMIN, ENRICHMENT, INGESTION, SOURCE

_SHORT = {
    INGESTION: "ingestion",
    ENRICHMENT: "enrichment",
    ADMIN: "admin",
    DATABASE: "influxdb",
    SOURCE: "homeassistant",
}


def _subscription(*services: str) -> Subscription:
    """Return what the end of services does to the subscription."""
    return Subscription.BREAKS if INGESTION in services else Subscription.HOLDS


def _ends() -> tuple[Scenario, ...]:
    """Return the scenarios that end each service, and all of them at once."""
    sets: list[tuple[str, ...]] = [*((name,) for name in LONG_RUNNING), LONG_RUNNING]
    found = []
    for services in sets:
        short = "all" if len(services) > 1 else _SHORT[services[0]]
        told = "all services at once" if len(services) > 1 else services[0]
        alone = len(services) == 1
        found += [
            Scenario(
                name=f"sigterm-{short}",
                title=f"SIGTERM to {told}, and a start",
                fault=ends.sigterm(*services),
                disturbance="SIGTERM",
                hits=services,
                subscription=_subscription(*services),
                fast=services == (INGESTION,),
            ),
            Scenario(
                name=f"sigkill-{short}",
                title=f"SIGKILL of {told}",
                fault=ends.sigkill(*services),
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
                    fault=ends.out_of_memory(*services),
                    disturbance="OOM kill",
                    hits=services,
                    subscription=_subscription(*services),
                )
            )
    return tuple(found)


_DATABASE = (
    Scenario(
        name="influxdb-stopped",
        title="InfluxDB is stopped for a minute",
        fault=database.stopped_for(60.0),
        disturbance="an outage of a minute",
        hits=(DATABASE,),
        fast=True,
    ),
    Scenario(
        name="outage-and-sigkill",
        title="websocket-ingestion is killed while InfluxDB is away",
        fault=database.stopped_and_crashed,
        disturbance="SIGKILL in an outage",
        hits=(INGESTION,),
        subscription=Subscription.BREAKS,
        fast=True,
    ),
    Scenario(
        name="influxdb-frozen",
        title="InfluxDB accepts connections and does not answer",
        fault=database.frozen,
        disturbance="a freeze",
        hits=(DATABASE,),
    ),
    Scenario(
        name="influxdb-disk-full",
        title="InfluxDB's disk is full, and it is killed when there is room again",
        fault=disks.database_full,
        disturbance="a full disk",
        hits=(DATABASE,),
        ready_seconds=75.0,
    ),
    Scenario(
        name="influxdb-torn-log",
        title="InfluxDB's log ends in half an entry, and it is started twice",
        fault=database.torn,
        disturbance="a torn log",
        hits=(DATABASE,),
        ready_seconds=75.0,
        fast=True,
    ),
    Scenario(
        name="influxdb-restored",
        title="InfluxDB's disk is lost, an earlier backup restored, the rest replayed",
        fault=database.restored,
        disturbance="a restore of an earlier backup",
        hits=(DATABASE,),
        ready_seconds=75.0,
    ),
    Scenario(
        name="spool-disk-full",
        title="the disk of the spool is full",
        fault=disks.spool_full,
        disturbance="a full disk",
        hits=(INGESTION,),
        subscription=Subscription.MAY_BREAK,
        ready_seconds=45.0,
    ),
)

_LINKS = (
    (INGESTION, SOURCE, Subscription.BREAKS),
    (INGESTION, ENRICHMENT, Subscription.HOLDS),
    (ENRICHMENT, DATABASE, Subscription.HOLDS),
    (ADMIN, INGESTION, Subscription.HOLDS),
    (ADMIN, ENRICHMENT, Subscription.HOLDS),
    (ADMIN, DATABASE, Subscription.HOLDS),
)

_CUTS = tuple(
    Scenario(
        name=f"cut-{_SHORT[one]}-{_SHORT[other]}",
        title=f"packets between {one} and {other} vanish",
        fault=network.cut(one, other),
        disturbance=f"a cut link to {other}",
        hits=(one,),
        subscription=subscription,
        ready_seconds=75.0,
    )
    for one, other, subscription in _LINKS
)

_SOURCE = (
    Scenario(
        name="ha-restart",
        title="Home Assistant restarts",
        fault=source.restart(),
        disturbance="a restart of Home Assistant",
        hits=(INGESTION,),
        subscription=Subscription.BREAKS,
        ready_seconds=45.0,
        fast=True,
    ),
    Scenario(
        name="ha-sigkill",
        title="Home Assistant is killed, with what its recorder has not written",
        fault=source.restart(crash=True),
        disturbance="SIGKILL of Home Assistant",
        hits=(INGESTION,),
        subscription=Subscription.BREAKS,
        ready_seconds=45.0,
        forgets=True,
    ),
    Scenario(
        name="ha-half-open",
        title="Home Assistant goes silent without closing the connection",
        fault=source.half_open,
        disturbance="a half-open connection",
        hits=(INGESTION,),
        subscription=Subscription.BREAKS,
    ),
    Scenario(
        name="ha-burst",
        title="Home Assistant changes 16,384 states in one turn",
        fault=source.burst(16_384),
        disturbance="a burst of 16,384",
        hits=(INGESTION,),
        subscription=Subscription.BREAKS,
        fast=True,
    ),
    Scenario(
        name="ha-token-renewed",
        title="the access token is revoked, and a new one given",
        fault=source.token_renewed,
        disturbance="a revoked token",
        hits=(INGESTION,),
        subscription=Subscription.BREAKS,
    ),
    Scenario(
        name="clock-steps",
        title="Home Assistant's clock jumps by hours, and the connection breaks",
        fault=source.clock_steps,
        disturbance="clock steps",
        hits=(INGESTION,),
        subscription=Subscription.BREAKS,
    ),
    Scenario(
        name="expired-events",
        title="events come that are older than the database keeps them",
        fault=source.expired_events,
        disturbance="events beyond the retention",
        hits=(ENRICHMENT,),
    ),
)

_DEPLOYMENT = (
    Scenario(
        name="new-image",
        title="each service gets another image, one at a time, and its own again",
        fault=deployment.rolling_update,
        disturbance="an update",
        hits=LONG_RUNNING,
        subscription=Subscription.BREAKS,
        ready_seconds=30.0,
    ),
    Scenario(
        name="reboot-order",
        title="all stop, and start in the order that suits them least",
        fault=deployment.reboot,
        disturbance="a reboot",
        hits=LONG_RUNNING,
        subscription=Subscription.BREAKS,
        ready_seconds=30.0,
        fast=True,
    ),
)


def _real(scenario: Scenario, **changes: object) -> Scenario:
    """Return the same scenario with a real Home Assistant."""
    return replace(
        scenario,
        name=f"real-{scenario.name}",
        source=SourceKind.HOME_ASSISTANT,
        fast=False,
        **changes,  # type: ignore[arg-type] # fields of Scenario
    )


_ENDS = _ends()
_NONE = Scenario(
    name="none",
    title="nothing is done",
    fault=ends.nothing,
    fast=True,
)


def _named(name: str) -> Scenario:
    return next(each for each in (*_ENDS, *_DATABASE, *_SOURCE) if each.name == name)


_REAL = (
    _real(_NONE),
    _real(_named("sigterm-ingestion")),
    _real(_named("sigkill-ingestion")),
    _real(_named("influxdb-stopped")),
    _real(_named("ha-restart"), fault=source.container_restart, ready_seconds=60.0),
    _real(
        _named("ha-burst"),
        fault=source.burst(5_000),
        title="Home Assistant changes 5,000 states in one turn",
        disturbance="a burst of 5,000",
    ),
    Scenario(
        name="real-engine-restart",
        title="the engine restarts, and with it all containers",
        fault=deployment.engine_restart,
        disturbance="a restart of the engine",
        hits=LONG_RUNNING,
        source=SourceKind.HOME_ASSISTANT,
        subscription=Subscription.BREAKS,
        ready_seconds=90.0,
        spoils=True,
        option="--allow-engine-restart",
    ),
)

SCENARIOS: tuple[Scenario, ...] = (
    _NONE,
    *_ENDS,
    *_DATABASE,
    *_CUTS,
    *_SOURCE,
    *_DEPLOYMENT,
    *_REAL,
)
