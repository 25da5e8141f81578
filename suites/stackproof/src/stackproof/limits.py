"""Which limits a service declares (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .errors import ModelError
from .model import Service

DEFAULT_PERIOD_MICROSECONDS = 100_000
_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


class Resource(StrEnum):
    """What can be limited."""

    MEMORY = "memory"
    SWAP = "memory and swap"
    SWAPPINESS = "swappiness"
    RESERVATION = "memory reservation"
    CPUS = "cpus"
    CPU_QUOTA = "cpu quota"
    CPU_PERIOD = "cpu period"
    CPU_SHARES = "cpu shares"
    CPUSET = "cpu set"
    PIDS = "pids"
    ULIMIT = "ulimit"
    SHM = "/dev/shm"  # noqa: S108 - the name of the thing
    OOM_SCORE = "oom_score_adj"
    OOM_DISABLE = "oom_kill_disable"


Wanted = int | float | str | bool | tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One declared limit.

    Attributes:
        key: where the service declares it.
        wanted: bytes, CPUs, numbers; None for "no limit"; soft and hard for a ulimit.
        name: of a ulimit.
    """

    resource: Resource
    key: str
    wanted: Wanted
    name: str = ""

    @property
    def shown(self) -> str:
        """The wanted value for a reader."""
        return show(self.resource, self.wanted)


_BYTES = {
    "mem_limit": Resource.MEMORY,
    "deploy.resources.limits.memory": Resource.MEMORY,
    "memswap_limit": Resource.SWAP,
    "mem_reservation": Resource.RESERVATION,
    "deploy.resources.reservations.memory": Resource.RESERVATION,
    "shm_size": Resource.SHM,
}
_NUMBERS = {
    "mem_swappiness": Resource.SWAPPINESS,
    "cpu_quota": Resource.CPU_QUOTA,
    "cpu_period": Resource.CPU_PERIOD,
    "cpu_shares": Resource.CPU_SHARES,
    "pids_limit": Resource.PIDS,
    "deploy.resources.limits.pids": Resource.PIDS,
    "oom_score_adj": Resource.OOM_SCORE,
}
_CPUS = ("cpus", "deploy.resources.limits.cpus")
# Zero says something here; elsewhere Compose takes it for "not declared".
_ZERO_COUNTS = frozenset({Resource.OOM_SCORE})
_ENDLESS = frozenset({Resource.SWAP, Resource.CPU_QUOTA, Resource.PIDS})


def declared_limits(service: Service) -> tuple[Limit, ...]:
    """Return all limits of a service; what has no readable value is left out."""
    return tuple(_limits(service))


def memory_limit(service: Service) -> int | None:
    """Return the bytes that a service may use, None for all."""
    return _last(service, Resource.MEMORY)


def pids_limit(service: Service) -> int | None:
    """Return how many processes a service may have, None for any number."""
    return _last(service, Resource.PIDS)


def cpu_limit(service: Service) -> float | None:
    """Return the CPUs that a service may use, None for all."""
    by_resource = {limit.resource: limit.wanted for limit in _limits(service)}
    cpus = by_resource.get(Resource.CPUS)
    quota = by_resource.get(Resource.CPU_QUOTA)
    if isinstance(cpus, float):
        return cpus
    if isinstance(quota, int):
        period = by_resource.get(Resource.CPU_PERIOD)
        return quota / (
            period if isinstance(period, int) else DEFAULT_PERIOD_MICROSECONDS
        )
    return None


def cpu_period_seconds(service: Service) -> float:
    """Return the time over which the kernel balances the CPU limit."""
    for limit in _limits(service):
        if limit.resource is Resource.CPU_PERIOD and isinstance(limit.wanted, int):
            return limit.wanted / 1e6
    return DEFAULT_PERIOD_MICROSECONDS / 1e6


def limiting_keys(service: Service, *resources: Resource) -> tuple[str, ...]:
    """Return the keys that declare a limit of one of these kinds."""
    return tuple(limit.key for limit in _limits(service) if limit.resource in resources)


def parse_bytes(value: object) -> int:
    """Return the bytes that "512m", "536870912" or a number says.

    Raises:
        ModelError: it says no size.
    """
    text = str(value).strip().lower().removesuffix("ib")
    digits = text.rstrip("bkmgt")
    unit = text[len(digits) :].removesuffix("b")
    try:
        return (
            int(float(digits) * _UNITS[unit])
            if "." in digits
            else (int(digits) * _UNITS[unit])
        )
    except (KeyError, ValueError) as err:
        raise ModelError(f"size {value!r}", "expected one such as 64m") from err


def show(resource: Resource, value: Wanted) -> str:
    """Return a value for a reader."""
    if value is None:
        return "no limit"
    if isinstance(value, tuple):
        return f"{value[0]}:{value[1]}"
    if isinstance(value, bool | str):
        return str(value).lower()
    sizes = {Resource.MEMORY, Resource.SWAP, Resource.RESERVATION, Resource.SHM}
    if resource in sizes:
        return f"{value / 2**20:g} MiB"
    return f"{value:g}"


def _last(service: Service, resource: Resource) -> int | None:
    """Return the number that counts: Compose puts `deploy` above the old keys."""
    found = None
    for limit in _limits(service):
        if limit.resource is resource and isinstance(limit.wanted, int):
            found = limit.wanted
    return found


def _limits(service: Service) -> Iterator[Limit]:
    for key, resource in (*_BYTES.items(), *_NUMBERS.items()):
        read = parse_bytes if key in _BYTES else _whole
        wanted = _read(read, service.declares(key))
        if wanted is None or (wanted == 0 and resource not in _ZERO_COUNTS):
            continue
        endless = wanted < 0 and resource in _ENDLESS
        yield Limit(resource=resource, key=key, wanted=None if endless else wanted)
    for key in _CPUS:
        cpus = _read(float, service.declares(key))
        if cpus:
            yield Limit(resource=Resource.CPUS, key=key, wanted=float(cpus))
    cpuset = service.declares("cpuset")
    if cpuset:
        yield Limit(resource=Resource.CPUSET, key="cpuset", wanted=str(cpuset))
    disable = service.declares("oom_kill_disable")
    if disable is not None:
        yield Limit(
            resource=Resource.OOM_DISABLE, key="oom_kill_disable", wanted=bool(disable)
        )
    yield from _ulimits(service.declares("ulimits"))


def _ulimits(declared: object) -> Iterator[Limit]:
    for name, value in declared.items() if isinstance(declared, Mapping) else ():
        pair = value if isinstance(value, Mapping) else {"soft": value, "hard": value}
        # Compose leaves out a zero.
        soft, hard = (_read(_whole, pair.get(part, 0)) for part in ("soft", "hard"))
        if soft is not None and hard is not None:
            yield Limit(
                resource=Resource.ULIMIT,
                key=f"ulimits.{name}",
                wanted=(int(soft), int(hard)),
                name=str(name),
            )


def _whole(value: Any) -> int:
    return int(str(value))


def _read(read: Any, value: object) -> Any:
    """Return a value as a number, None where it is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        return read(value)
    except (ModelError, ValueError, TypeError):
        return None
