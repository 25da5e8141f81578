"""One look at all network namespaces of a stack, shared by the checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ProbeError
from .model import StackModel
from .names import networks_of, pairs
from .verify.container import Inspected
from .verify.stack import Stack

HOST = ""
"""Stands for the host where a service's name is asked for."""
CONNECT_SECONDS = 1.0
RESOLVE_SECONDS = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A socket that waits for somebody."""

    protocol: str
    address: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only the namespace itself reaches it."""
        return self.address.startswith("127.") or self.address == "::1"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one namespace shows.

    Attributes:
        gateways: of its default routes.
        problem: why nothing is known of it.
    """

    listeners: tuple[Listener, ...] = ()
    addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    hosts: str = ""
    resolv_conf: str = ""
    problem: str | None = None

    def listening(self, port: int, protocol: str = "tcp") -> tuple[Listener, ...]:
        """Return what listens on a port."""
        return tuple(
            one
            for one in self.listeners
            if one.port == port and one.protocol == protocol
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How one attempt to connect ended."""

    outcome: str
    closed: bool = False

    @property
    def accepted(self) -> bool:
        """Whether somebody answered."""
        return self.outcome == "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What is to be tried from the namespace of one service, or of the host."""

    resolve: tuple[str, ...] = ()
    lookup: tuple[str, ...] = ()
    connect: tuple[tuple[str, int | str], ...] = ()
    listen: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an errand came to; an attempt that was not possible is in none of them."""

    resolved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    found: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reached: Mapping[tuple[str, int | str], Reached] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The containers of one moment and what their namespaces show.

    Attributes:
        views: container id to view; HOST is the host's.
        sound: services that stand as they should, running or ended by design.
    """

    model: StackModel
    containers: tuple[Inspected, ...]
    views: Mapping[str, View]
    sound: frozenset[str] = frozenset()

    def running(self, service: str) -> tuple[Inspected, ...]:
        """Return the running containers of a service."""
        return tuple(
            row for row in self.containers if row.service == service and row.running
        )

    def ended_by_design(self, service: str) -> bool:
        """Tell whether a service does not run and need not."""
        return service in self.sound and not self.running(service)

    def view(self, service: str) -> View | None:
        """Return what the first running container of a service shows."""
        rows = self.running(service)
        return self.views.get(rows[0].id) if rows else None

    def on(self, service: str, network: str) -> tuple[str, ...]:
        """Return the addresses that a service has in a network of the file."""
        found = self.model.networks.get(network)
        if found is None:
            return ()
        return tuple(
            str(address)
            for row in self.running(service)
            for place in [row.networks.get(found.engine_name) or {}]
            for key in ("IPAddress", "GlobalIPv6Address")
            if (address := place.get(key))
        )

    def everywhere(self, service: str) -> tuple[str, ...]:
        """Return all addresses of a service, those of undeclared networks as well."""
        return tuple(
            dict.fromkeys(
                str(address)
                for row in self.running(service)
                for place in row.networks.values()
                for key in ("IPAddress", "GlobalIPv6Address")
                if (address := place.get(key))
            )
        )

    @property
    def addresses(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Service and network to addresses."""
        return {
            (service, network): self.on(service, network)
            for service in self.model.services
            for network in networks_of(self.model, service)
        }


def sight(stack: Stack) -> Sight:
    """Return the look that all checks of the LOOK phase share."""
    return stack.once("network: sight", lambda: look(stack))


def look(stack: Stack) -> Sight:
    """Look now."""
    rows = stack.containers()
    shown = [row for row in rows if row.running]
    visits = [{"pid": pid, "tables": True, "files": True} for pid in _pids(shown)]
    answer = stack.vantage.probe("network", {"visits": visits})
    ids = [HOST, *(row.id for row in shown)]
    return Sight(
        model=stack.model,
        containers=rows,
        views=dict(zip(ids, map(parse_view, answer["visits"]), strict=True)),
        sound=stack.look().sound_services,
    )


def names_errands(seen: Sight) -> dict[str, Errand]:
    """Return the names that every service has to find."""
    return merged(
        {pair.viewer: Errand(resolve=pair.names)} for pair in pairs(seen.model)
    )


def run_errands(
    stack: Stack, seen: Sight, errands: Mapping[str, Errand]
) -> dict[str, Report]:
    """Try everything at once; a service that does not run has no report."""
    places: list[str] = []
    visits: list[dict[str, Any]] = []
    # The host comes first: others may want to reach the listener that it opens.
    for service in sorted(errands, key=lambda name: name != HOST):
        rows = seen.running(service)
        if service != HOST and not rows:
            continue
        errand = errands[service]
        places.append(service)
        visits.append(
            {
                "pid": rows[0].pid if rows else 0,
                "resolve": list(errand.resolve),
                "lookup": list(errand.lookup),
                "connect": [
                    {"address": address, "port": port}
                    for address, port in errand.connect
                ],
                "listen": errand.listen,
            }
        )
    request = {
        "visits": visits,
        "timeout": CONNECT_SECONDS,
        "patience": RESOLVE_SECONDS,
        "linger": 0.25,
    }
    answer = stack.vantage.probe("network", request)
    return {
        place: parse_report(errands[place], row)
        for place, row in zip(places, answer["visits"], strict=True)
    }


def parse_view(answer: Mapping[str, Any]) -> View:
    """Return what the probe saw in one namespace (pure)."""
    if "error" in answer:
        return View(problem=str(answer["error"]))
    return View(
        listeners=tuple(Listener(**row) for row in answer.get("sockets") or ()),
        addresses=tuple(answer.get("addresses") or ()),
        gateways=tuple(
            str(row["gateway"])
            for row in answer.get("routes") or ()
            if str(row["destination"]).endswith("/0") and row["interface"] != "lo"
        ),
        hosts=str(answer.get("hosts") or ""),
        resolv_conf=str(answer.get("resolv_conf") or ""),
    )


def parse_report(errand: Errand, answer: Mapping[str, Any]) -> Report:
    """Return what the probe brought back from one namespace (pure)."""
    if "error" in answer:
        return Report(problem=str(answer["error"]))
    return Report(
        resolved=_addresses(answer.get("resolve") or {}),
        found=_addresses(answer.get("lookup") or {}),
        reached={
            target: Reached(outcome=str(row["outcome"]), closed=bool(row["closed"]))
            for target, row in zip(errand.connect, answer["connect"], strict=True)
        },
    )


def merged(parts: Iterable[Mapping[str, Errand]]) -> dict[str, Errand]:
    """Return the errands of several plans as one for each place (pure)."""
    found: dict[str, Errand] = {}
    for part in parts:
        for place, errand in part.items():
            known = found.get(place, Errand())
            found[place] = Errand(
                resolve=_unique(known.resolve + errand.resolve),
                lookup=_unique(known.lookup + errand.lookup),
                connect=_unique(known.connect + errand.connect),
                listen=known.listen or errand.listen,
            )
    return found


def need(report: Report | None, place: str) -> Report:
    """Return a report that there is.

    Raises:
        ProbeError: nobody could look from there; says why.
    """
    if report is None:
        raise ProbeError("network", f"{place} does not run")
    if report.problem:
        raise ProbeError("network", f"{place}: {report.problem}")
    return report


def _pids(rows: Iterable[Inspected]) -> list[int]:
    return [0, *(row.pid for row in rows)]


def _addresses(answers: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(row["addresses"]) for name, row in answers.items()}


def _unique(items: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(items))
