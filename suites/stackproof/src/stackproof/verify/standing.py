"""Tell how each service stands: sound, still on its way, or failed (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from ..model import Health, Service, StackModel, State
from .container import Inspected

STEADY_SECONDS = 3.0
"""A service without a health check counts as up when it has run for so long."""
_FINAL_SECONDS = 2.0
_CHAIN_SECONDS = 15.0
_ENDED = frozenset({State.EXITED, State.DEAD})


class Standing(IntEnum):
    """From worst to best."""

    ABSENT = 0
    ENDED = 1
    WAITING = 2
    SOUND = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood:
    """How one service stands, and why in a few words.

    Attributes:
        final: nothing will start it again: it ended a while ago, and the engine says
            that it is not about to be restarted.
    """

    service: str
    standing: Standing
    reason: str
    final: bool = False

    def __str__(self) -> str:
        return f"{self.service}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """How all services stand."""

    rows: Mapping[str, Stood]

    @property
    def sound(self) -> bool:
        """Whether all are sound."""
        return all(row.standing is Standing.SOUND for row in self.rows.values())

    @property
    def sound_services(self) -> frozenset[str]:
        """The services that are sound."""
        return frozenset(
            name for name, row in self.rows.items() if row.standing is Standing.SOUND
        )

    def sound_in(self, services: Iterable[str]) -> bool:
        """Whether all of some services are sound."""
        return self.sound_services.issuperset(services)

    def lost_in(self, services: Iterable[str]) -> bool:
        """Whether one of some services has ended for good."""
        return any(self.rows[name].final for name in services if name in self.rows)

    def __str__(self) -> str:
        return "\n".join(str(row) for row in self.rows.values())


def standings(
    model: StackModel, containers: Iterable[Inspected], *, now: float
) -> Standings:
    """Judge each service from its containers.

    A one-shot is sound when it ended with 0; so is a service that ended with 0, does
    not ask to be started again and declares nothing that speaks of a server (health
    check or port). Others are sound while they run and are healthy, or without a health
    check have run for `STEADY_SECONDS`.

    Args:
        model: what is declared.
        containers: all of the project.
        now: seconds since 1970.
    """
    by_service: dict[str, list[Inspected]] = {name: [] for name in model.services}
    for container in containers:
        by_service.setdefault(container.service, []).append(container)
    return Standings(
        rows={
            name: _stood(service, by_service[name], model, now)
            for name, service in model.services.items()
        }
    )


def settle_budget(model: StackModel) -> float:
    """Return the seconds in which a stack has to become sound, from its own promises.

    The health budgets along the longest chain of dependencies, with some time for each
    link to be created and started.
    """
    known: dict[str, float] = {}

    def chain(name: str, above: frozenset[str]) -> float:
        if name in above or name not in model.services:
            return 0.0
        if name not in known:
            service = model.services[name]
            check = service.healthcheck
            own = _CHAIN_SECONDS + (check.budget if check else STEADY_SECONDS)
            known[name] = own + max(
                (chain(edge.service, above | {name}) for edge in service.depends_on),
                default=0.0,
            )
        return known[name]

    return max((chain(name, frozenset()) for name in model.services), default=0.0)


def ends_by_design(service: Service, *, one_shot: bool) -> bool:
    """Tell whether ending with 0 is no failure of a service."""
    policy = service.restart.partition(":")[0]
    server = service.healthcheck or service.ports or service.expose
    return one_shot or (policy in {"no", "on-failure"} and not server)


def _stood(
    service: Service, containers: list[Inspected], model: StackModel, now: float
) -> Stood:
    if len(containers) < service.replicas:
        have = f"{len(containers)} of {service.replicas} containers"
        reason = have if containers else "no container"
        standing = Standing.ABSENT if service.replicas else Standing.SOUND
        return Stood(service=service.name, standing=standing, reason=reason)
    rows = [_one(service, container, model, now) for container in containers]
    standing, reason = min(rows, default=(Standing.SOUND, "no container wanted"))
    final = standing is Standing.ENDED and all(
        now - row.finished_at > _FINAL_SECONDS
        for row in containers
        if row.state in _ENDED
    )
    return Stood(service=service.name, standing=standing, reason=reason, final=final)


def _one(
    service: Service, row: Inspected, model: StackModel, now: float
) -> tuple[Standing, str]:
    one_shot = service.name in model.one_shots
    if row.state in _ENDED:
        reason = f"exited with code {row.exit_code}"
        if row.exit_code == 0 and ends_by_design(service, one_shot=one_shot):
            return Standing.SOUND, reason
        return Standing.ENDED, reason
    if row.state is State.CREATED:
        return Standing.ABSENT, "created, never started"
    if row.state is not State.RUNNING:
        return Standing.WAITING, str(row.state)
    if one_shot:
        return Standing.WAITING, "has not ended yet"
    if row.health is not Health.NONE:
        healthy = row.health is Health.HEALTHY
        return (Standing.SOUND if healthy else Standing.WAITING), str(row.health)
    ran = now - row.started_at
    if ran < STEADY_SECONDS:
        return Standing.WAITING, f"runs since {ran:.1f} s"
    return Standing.SOUND, "running"
